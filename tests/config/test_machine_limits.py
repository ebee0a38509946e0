"""The limits of this machine: what is too low is said with its remedy, and keeps a run from being made."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from harness.commands.doctor import examine
from harness.config import machine_limits
from harness.config.machine_limits import Limit, Need, limits, need_of
from harness.errors import ConfigurationError
from harness.load import descriptors

HERE = "http://127.0.0.1:8000"


def limit(need: Need, name: str) -> Limit:
    (found,) = [each for each in limits(need) if each.name == name]
    return found


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """The soft limit of this process; limits() raises it to the hard one, which only a child could lower."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    yield hard if hard != resource.RLIM_INFINITY else 0


def test_more_users_than_descriptors_prevent_a_run(few_descriptors: int) -> None:
    if few_descriptors:
        low = limit(Need(users=few_descriptors + 1, host=HERE), "file descriptors")
        assert low.prevents and "ulimit -Hn" in low.remedy and "--processes 2" in low.remedy
    assert not limit(Need(users=100, host=HERE), "file descriptors").remedy


def test_more_load_processes_are_no_remedy_where_each_has_too_few_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "raise_limit", lambda: 64)
    assert "--processes" not in (descriptors.shortage(50) or "") and "ulimit -Hn" in (descriptors.shortage(50) or "")
    monkeypatch.setattr(descriptors, "raise_limit", lambda: descriptors.SPARE + 20)
    assert "or use --processes 3" in (descriptors.shortage(50) or "")


def test_more_users_than_local_ports_prevent_a_run() -> None:
    assert "ip_local_port_range" in limit(Need(users=70_000, processes=10, host=HERE), "local ports").remedy
    assert not limit(Need(users=100, host=HERE), "local ports").remedy


def test_the_backlog_is_a_matter_of_the_targets_machine() -> None:
    assert "somaxconn" in limit(Need(users=1_000_000, host=HERE), "backlog of listeners").remedy
    elsewhere = limits(Need(users=1_000_000, host="http://staging.example"))
    assert "backlog of listeners" not in {each.name for each in elsewhere}


def test_load_processes_leave_a_core_to_a_target_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_limits, "usable_cores", lambda: 4)
    assert not limit(Need(users=10, processes=3, host=HERE), "CPU cores").remedy
    assert "nothing is left for the target" in limit(Need(users=10, processes=4, host=HERE), "CPU cores").remedy
    assert not limit(Need(users=10, processes=4, host="http://staging.example"), "CPU cores").remedy
    assert "--processes 4" in limit(Need(users=10, processes=5, host="http://staging.example"), "CPU cores").remedy


def test_memory_is_counted_by_users_and_processes() -> None:
    assert not limit(Need(users=10, host=HERE), "memory").remedy
    assert "fewer users" in limit(Need(users=1_000_000_000, host=HERE), "memory").remedy


def test_what_is_needed_is_of_this_machine_alone() -> None:
    def of(**options: object) -> Need | None:
        return need_of(SimpleNamespace(**{"processes": None, "master": False, **options}), 100, HERE)

    assert of() == Need(100, 1, HERE)
    assert of(processes=3, master=True) == Need(100, 3, HERE)
    assert of(master=True) is None, "its load processes are elsewhere"


@pytest.mark.parametrize("host", ["http://[::1", "127.0.0.1:8000", "http://", ""])
def test_the_doctor_refuses_what_is_no_address(host: str) -> None:
    with pytest.raises(ConfigurationError):
        examine(100, 1, host)


def test_the_doctor_ends_with_2_where_a_run_could_not_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert examine(100, 1, HERE) == 0
    assert examine(70_000, 100, HERE) == 2
    assert "TOO LOW" in capsys.readouterr().out
