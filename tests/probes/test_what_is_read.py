"""What probes read of a page, and of which group: from made ones, without any process."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from harness.probes import Reading, cgroup, pool


def test_of_a_pool_those_metrics_are_read_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without their labels; a size that is a number is none of them."""
    asked: list[tuple[str, ...]] = []

    def page(_urls: tuple[str, ...], names: tuple[str, ...], _timeout_s: float) -> Any:
        asked.append(names)
        readings: Iterator[Reading] = iter([Reading.of("a:1", {'active{pool="main"}': 3.0, "idle": 1.0})])
        return SimpleNamespace(sample=lambda: readings)

    monkeypatch.setattr(pool, "Prometheus", page)
    (found,) = pool.Pool(urls=("http://a:1",), size="8", in_use='active{pool="main"}', waiting="idle").sample()
    assert asked == [("active", "idle")]
    assert found.values == {"in_use": 3.0, "size": 8.0, "waiting": 1.0}


@pytest.mark.parametrize(
    ("pids", "is_there", "searched"), [([7], True, 0), ([], True, 1), (None, True, 1), ([], False, 0)]
)
def test_the_group_of_a_process_is_looked_for_where_it_is_not_known_or_has_ended(
    monkeypatch: pytest.MonkeyPatch, pids: list[int] | None, is_there: bool, searched: int
) -> None:
    probe = cgroup.Cgroup(pids=(7,))
    if pids is not None:
        probe._session.groups["it"] = SimpleNamespace(pids=lambda: pids)  # type: ignore[assignment]
    found: list[int] = []
    new = SimpleNamespace(pids=lambda: [7])
    monkeypatch.setattr(cgroup.ControlGroup, "of_process", lambda pid: (found.append(pid), new)[1])
    monkeypatch.setattr(cgroup.psutil, "pid_exists", lambda _: is_there)
    monkeypatch.setattr(cgroup.Cgroup, "_read", lambda _self, source, _group: Reading.of(source, {"processes": 1.0}))
    reading = probe._of_pid("it", 7, "there is no process 7")
    assert len(found) == searched
    assert reading.error == (None if is_there else "there is no process 7")
