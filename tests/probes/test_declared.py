"""What each probe declares: how long it waits, what of it is secret, and what it keeps for itself between samples."""

from __future__ import annotations

import dataclasses

import pytest

from harness import probes

DEFAULTS_S = {
    ("patroni", "timeout_s"): 3.0,
    ("sentinel", "timeout_s"): 1.0,
    ("process", "refresh_interval_s"): 2.0,
    ("process", "uss_interval_s"): 10.0,
    ("run_cpu", "refresh_interval_s"): 2.0,
}
"""All others wait for 2 s at most."""
SECRETS = {
    "patroni": {"urls"},
    "postgres": {"dsn"},
    "postgres_replication": {"dsns"},
    "sentinel": {"sentinels", "password"},
}


@pytest.mark.parametrize("name", sorted(probes.available()))
def test_its_times_have_a_default_and_none_is_too_short(name: str) -> None:
    """A time-out of 1 ms at least; an interval may be 0."""
    for each in probes.parameters(name):
        if not each.name.endswith("_s"):
            continue
        assert each.default == DEFAULTS_S.get((name, each.name), 2.0), each.name
        lowest = 0.001 if each.name == "timeout_s" else 0.0
        assert (each.problem(lowest), each.problem(1e6)) == (None, None), each.name
        assert each.problem(lowest - 1e-4) is not None, each.name


@pytest.mark.parametrize("name", sorted(probes.available()))
def test_what_is_secret_is_said_to_be(name: str) -> None:
    assert {each.name for each in probes.parameters(name) if each.secret} == SECRETS.get(name, set())


@pytest.mark.parametrize("name", sorted(probes.available()))
def test_what_it_keeps_is_its_own(name: str) -> None:
    """It can be neither given nor seen, and two probes with the same parameters are the same; no secret is seen."""
    for each in dataclasses.fields(probes._FOLDER.class_of(name)):
        kept = each.name.startswith("_")
        seen = not kept and each.name not in SECRETS.get(name, set())
        assert (each.init, each.repr, each.compare) == (not kept, seen, not kept), each.name
