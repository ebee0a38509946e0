"""The probe patroni: who is primary, who follows, how far behind; on recorded answers."""

from __future__ import annotations

import pytest

from harness import probes
from harness.errors import ConfigurationError
from harness.probes import Reading
from harness.probes._lag import LagMeter
from tests.ports import free_port
from tests.probes.loopback import answer, serving
from tests.probes.patronis import Cluster, cluster


def sampled(made: Cluster) -> dict[str, Reading]:
    probe = probes.load("patroni", urls=tuple(made.urls.values()))
    return {reading.source: reading for reading in probe.sample()}


def test_each_node_says_what_it_is_and_is_named_with_its_address() -> None:
    with cluster() as made:
        found = sampled(made)
    assert list(found) == [f"{name} 127.0.0.1:5432" for name in made.names]
    primary, replica, _ = found.values()
    assert (primary.values["primary"], primary.values["streaming"], primary.values["timeline"]) == (1, 0, 3)
    assert (replica.values["primary"], replica.values["streaming"], replica.values["lag_s"]) == (0, 1, 0)
    assert 0 < replica.values["answered_s"] < 3


def test_a_node_that_says_nothing_keeps_its_name_and_the_others_are_sampled() -> None:
    with cluster() as made:
        probe = probes.load("patroni", urls=tuple(made.urls.values()))
        list(probe.sample())
        made.silent.add("db2")
        found = {reading.source: reading for reading in probe.sample()}
    assert found["db2 127.0.0.1:5432"].error == "the connection was closed without an answer"
    assert found["db3 127.0.0.1:5432"].error is None


def test_a_lag_counts_from_when_the_primary_was_there() -> None:
    """The primary was at 100 at 1 s, and at 200 at 2 s and at 3 s: of 150 nobody knows when, between 1 s and 2 s."""
    meter = LagMeter()
    assert meter.lag(0.5, 0) == {}
    for at_s, position in ((1.0, 100.0), (2.0, 200.0), (3.0, 200.0)):
        meter.note_primary("db1", at_s, position)
    assert meter.lag(3.0, 150) == {"lag_bytes": 50, "lag_s": 1.0, "lag_up_to_s": 2.0}
    assert meter.lag(3.0, 200) == {"lag_bytes": 0, "lag_s": 0.0, "lag_up_to_s": 0.0}
    assert meter.lag(3.0, 50) == {"lag_bytes": 150, "lag_s": 2.0}
    meter.note_primary("db2", 4.0, 120.0)  # another log
    assert meter.lag(4.0, 110)["lag_bytes"] == 10


def test_what_is_no_patroni_is_said() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for respond, words in (
        (answer("hello"), "is it the address of its REST API"),
        (answer("{}"), "no role, or no name"),
    ):
        with serving(respond) as url:
            (reading,) = probes.load("patroni", urls=(url,)).sample()
        assert words in (reading.error or "")
    (reading,) = probes.load("patroni", urls=(nobody,)).sample()
    assert (reading.error or "").startswith("connection refused")
    with pytest.raises(ConfigurationError, match="no address is given"):
        probes.load("patroni", urls=())
