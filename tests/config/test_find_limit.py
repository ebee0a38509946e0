"""`springback find-limit` with runs that are played: steps, cool-down, reset, bounds, Ctrl-C, and what is written."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.commands import adjustable, find_limit
from harness.commands.scenario_check import Scenario
from harness.findings import Basis, Finding, Outcome
from harness.recording import Recording
from harness.recording.file import RecordingError
from harness.recording.header import CriterionSpec
from reports.suite_part import Part
from shapes import step
from tests.calibration.simulation import Load, Service, simulate
from tests.config import test_limit_plan

WANTED = replace(test_limit_plan.WANTED, most_s=1e6, cool_down_s=30.0)
CAPACITY = 150.0
STAYS_DOWN_FROM = 150.0
"""Levels above it leave the played service down, where it is to be metastable."""


class Visits(step.Step):
    base, peak, baseline_s, hold_s, recovery_s = 10, 100, 10, 20, 10


@dataclass
class Played:
    """A service that holds up to its capacity; ``is_down`` after a spike beyond it, where it is ``metastable``."""

    metastable: bool = False
    is_away: bool = False
    """Nothing listens, so no run begins."""
    heals_after_s: float = float("inf")
    """Without load."""
    stop_at: int = 0
    """The step in which Ctrl-C comes; 0: none."""
    is_down: bool = False
    made: list[tuple[str, float]] = field(default_factory=list)
    slept_s: float = 0.0
    resets: int = 0
    recordings: dict[str, Recording] = field(default_factory=dict)

    def run_apart(self, _scenario: Scenario, arguments: Sequence[str], _directory: Path, _: object, label: str) -> Part:
        level = float(arguments[arguments.index("--peak") + 1])
        was_down = self.is_down
        self.made.append((label, level))
        if self.is_away:
            return Part.not_run(label, "connection refused: start it")
        holds = level <= CAPACITY and not was_down
        if self.metastable and level > STAYS_DOWN_FROM:
            self.is_down = True
        self.recordings[label] = recorded(before_is_bad=was_down, after_is_bad=self.is_down)
        if len(self.made) == self.stop_at:
            signal.raise_signal(signal.SIGINT)
            return Part(label, Outcome.INCONCLUSIVE, "stopped by SIGINT", 3.0, label)
        outcome = Outcome.PASS if holds else Outcome.FAIL
        figure = 0.02 if holds else 2.0
        found = Finding(
            "latency_quantile", "p95 latency in the spike", outcome, "as it was played", figure, "s", 0.5,
            (figure, figure), Basis.ESTIMATE, 0.95, kind="latency_quantile",
        )  # fmt: skip
        return Part(label, outcome, "as it was played", 40.0, label, findings=(found,))

    def read(self, path: Path) -> Recording:
        if path.name not in self.recordings:
            raise RecordingError("no such run")
        return self.recordings[path.name]

    def pause(self, pause_s: float) -> None:
        self.slept_s += pause_s
        if self.slept_s >= self.heals_after_s:
            self.is_down = False


def recorded(*, before_is_bad: bool, after_is_bad: bool) -> Recording:
    """A run whose service was well, or answered too late, before the spike and after it."""
    load = Load(10, poisson=False, baseline_s=10, spike_s=20, recovery_s=10)
    slow = simulate(1, Service(2.0, shape=0.01), load).recording
    well = simulate(1, Service(0.02, shape=0.01), load).recording
    first, last = (slow if bad else well for bad in (before_is_bad, after_is_bad))
    slices = (*(each for each in first.slices if each.t < 30), *(each for each in last.slices if each.t >= 30))
    return replace(well, slices=slices)


Search = Callable[..., tuple[Played, int, dict[str, Any]]]


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Search:
    def go(played: Played | None = None, **wanted: object) -> tuple[Played, int, dict[str, Any]]:
        service = played or Played()
        shape = Visits()  # type: ignore[no-untyped-call]
        shape.parked = True
        can = adjustable.of(shape, (CriterionSpec("latency_quantile", {"limit_s": 0.5}),))
        scenario = Scenario(tmp_path / "visit.py", "visit", "spike", 40.0, can)
        monkeypatch.setattr(find_limit, "checked", lambda *_: [scenario])
        monkeypatch.setattr(find_limit, "run_apart", service.run_apart)
        monkeypatch.setattr(find_limit, "read", service.read)
        monkeypatch.setattr(find_limit._Search, "_pause", lambda _, pause_s: service.pause(pause_s))
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = find_limit.find_limit(Path("visit.py"), [], tmp_path / "runs", replace(WANTED, **wanted))  # type: ignore[arg-type]
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        (directory,) = (tmp_path / "runs").iterdir()
        assert {path.name for path in directory.iterdir()} == {"index.html", "report.md", "limit.json"}
        return service, code, json.loads((directory / "limit.json").read_text())

    return go


def test_the_limit_is_found_and_every_step_is_told(search: Search, capsys: pytest.CaptureFixture[str]) -> None:
    service, code, told = search()
    assert code == 0
    assert told["outcome"] == "PASS"
    interval = told["limits"][0]["finding"]["interval"]
    assert interval["low"] <= CAPACITY <= interval["high"]
    assert [label for label, _ in service.made] == [f"step-{number}" for number in range(1, len(service.made) + 1)]
    assert service.slept_s == 0
    printed = capsys.readouterr()
    assert "step 1: --peak 20 starts/s, 13 more at most" in printed.err
    assert "step 4: 160 starts/s: latency_quantile: breaks: as it was played" in printed.err
    assert "FAIL: step-4" not in printed.err  # what else was judged in it is not what was asked
    assert "largest --peak that keeps the limit of: p95 latency in the spike" in printed.out


def test_the_search_ends_with_its_steps_and_keeps_what_it_has(search: Search) -> None:
    service, code, told = search(most_steps=4)
    assert code == 4
    assert len(service.made) == 4
    assert "all 4 steps are made" in str(told["reason"])
    bounds = told["limits"][0]["finding"]["interval"]
    assert 60 < bounds["low"] < 80
    assert 160 <= bounds["high"] < 180


def test_a_service_that_is_away_ends_the_search_at_once_and_its_reason_is_told(search: Search) -> None:
    played, code, found = search(Played(is_away=True))
    assert (len(played.made), code) == (1, 4)
    (limit,) = found["limits"]
    begins, _, ends = limit["finding"]["reason"].partition("; the last step: ")
    assert begins == "no step said anything for sure: the first step could not be run"
    assert ends == "connection refused: start it"


def test_no_step_begins_that_would_take_too_long_in_all(search: Search) -> None:
    service, code, told = search(most_s=30.0)
    assert code == 4
    assert not service.made
    assert "--max-duration" in str(told["reason"])


def test_ctrl_c_keeps_what_was_found(search: Search) -> None:
    service, code, told = search(Played(stop_at=5))
    assert code == 4
    assert len(service.made) == 5
    assert "with 95 % confidence: the search was stopped" in str(told["reason"])


def test_a_service_that_heals_without_load_is_waited_for(search: Search) -> None:
    service, code, told = search(Played(metastable=True, heals_after_s=12.0))
    assert code == 0
    looks = [level for label, level in service.made if label.startswith("cool-down")]
    assert looks
    assert set(looks) == {10.0}
    words = [each["reason"] for each in told["cool_downs"]]
    assert words[-1] == "as it was before the first step"
    assert "not yet as it was before the first step" in words
    assert len(words) == len(looks)


def test_a_service_that_does_not_come_back_ends_the_search_with_what_was_found(search: Search) -> None:
    service, code, told = search(Played(metastable=True))
    assert code == 4
    assert service.slept_s == 30  # 5 s, 10 s, and what is left of 30 s
    assert [label for label, _ in service.made] == [
        "step-1",
        "step-2",
        "step-3",
        "step-4",
        "cool-down-1",
        "cool-down-2",
        "cool-down-3",
    ]
    assert "after 160 starts/s the service did not come back within 30 s without load" in str(told["reason"])
    assert "--reset" in str(told["reason"])


def test_a_reset_is_made_each_time_that_it_is_needed(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Played(metastable=True)

    def reset(_: object) -> bool:
        service.resets += 1
        service.is_down = False
        return True

    monkeypatch.setattr(find_limit._Search, "_reset", reset)
    _, code, _ = search(service, reset="true")
    broken = [level for label, level in service.made if label.startswith("step") and level > CAPACITY]
    assert code == 0
    assert service.slept_s == 0
    assert len(broken) - 1 <= service.resets <= len(broken)


@pytest.mark.parametrize(
    ("command", "words"), [("false", "--reset ended with 1"), ("sleep 60", "--reset was not done within")]
)
def test_a_reset_that_fails_ends_the_search(
    search: Search, monkeypatch: pytest.MonkeyPatch, command: str, words: str
) -> None:
    monkeypatch.setattr(find_limit, "FIRST_PAUSE_S", 0.1)
    _, code, told = search(Played(metastable=True), reset=command, cool_down_s=0.1)
    assert code == 4
    assert words in str(told["reason"])
