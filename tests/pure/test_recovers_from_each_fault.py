"""Recovery after each fault of a run: from the end of each, as after a spike, and no other one before it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest

from harness import criteria
from harness.criteria.recovery.recovers_from_each_fault import (
    RecoversFromEachFault,
    _Disturbance,
    _disturbances,
    _figure,
    _interval,
    _with_next,
)
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, Recording
from harness.recording.header import FaultPlan
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from tests import recordings

Fault = tuple[float, float, float]
"""From, to, and until when requests fail."""


def day(faults: Sequence[Fault], injected: int = 99) -> Recording:
    """A run of 150 s after a small herd at 30 s, in which everything fails from the beginning of a fault on."""
    run = recordings.login_herd(recovery_s=150, herd_users=5)
    pieces = []
    for piece in run.slices:
        is_bad = any(start <= piece.t < until for start, _, until in faults)
        pieces.append(dataclasses.replace(piece, outcome="http 503", latency={}) if is_bad else piece)
    marks = [
        FaultMark(t, "kill_process", event, "", number)
        for number, (start, end, _) in enumerate(faults, 1)
        for t, event in ((start, INJECTED), (end, UNDONE))
        if number <= injected
    ]
    plans = tuple(FaultPlan(n, "kill_process", start, end, "") for n, (start, end, _) in enumerate(faults, 1))
    header = dataclasses.replace(run.header, faults=plans)
    return dataclasses.replace(run, header=header, slices=tuple(pieces), marks=(*run.marks, *marks))


def found(run: Recording, **parameters: float) -> Finding:
    return criteria.load(CriterionSpec("recovers_from_each_fault", parameters)).judge(run)


def test_the_figure_is_the_longest_of_the_times_and_each_is_told() -> None:
    finding = found(day([(50, 60, 64), (100, 110, 117)]))
    assert finding.outcome is Outcome.PASS
    assert finding.interval is not None and finding.interval[0] <= 7 <= finding.interval[1] <= 30
    assert finding.figure is not None and abs(finding.figure - 7) <= 1
    assert finding.reason.startswith("back after each of 2 within 30 s; longest: kill_process at 100 s: recovered")
    assert set(finding.evidence) == {"after kill_process at 50 s", "after kill_process at 100 s"}


def test_one_that_takes_too_long_fails_and_is_named() -> None:
    finding = found(day([(50, 60, 61), (100, 110, 160)]), limit_s=20)
    assert finding.outcome is Outcome.FAIL
    assert finding.reason.startswith("kill_process at 100 s: ")
    assert finding.interval is not None and finding.interval[0] > 20


def test_one_that_is_never_back_is_longer_than_it_was_watched() -> None:
    finding = found(day([(100, 110, 999)]))
    assert finding.outcome is Outcome.FAIL and finding.censored and finding.figure is None
    assert finding.interval == (71, math.inf)


def test_where_the_next_fault_came_too_soon_nobody_knows() -> None:
    finding = found(day([(50, 60, 85), (85, 95, 96)]), limit_s=30)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "kill_process at 50 s" in finding.reason


def test_faults_that_overlap_are_recovered_from_together() -> None:
    finding = found(day([(50, 70, 72), (60, 80, 84)]))
    assert finding.outcome is Outcome.PASS
    assert list(finding.evidence) == ["after kill_process at 50 s and kill_process at 60 s"]
    assert finding.figure is not None and abs(finding.figure - 4) <= 1


def test_a_fault_that_does_no_harm_is_recovered_from_at_once() -> None:
    finding = found(day([(50, 60, 50)]))
    assert (finding.outcome, finding.figure) == (Outcome.PASS, 0)


def test_a_planned_fault_that_was_not_injected_leaves_no_pass() -> None:
    finding = found(day([(50, 60, 61), (100, 110, 100)], injected=1))
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.reason.startswith("1 of 2 planned faults were not injected")
    none = found(day([(50, 60, 61)], injected=0))
    assert none.outcome is Outcome.INCONCLUSIVE
    assert found(recordings.healthy()).outcome is Outcome.INCONCLUSIVE


def test_one_that_was_never_undone_cannot_be_recovered_from() -> None:
    run = day([(50, 60, 61)])
    left = dataclasses.replace(run, marks=tuple(m for m in run.marks if getattr(m, "event", "") != UNDONE))
    assert found(left).outcome is Outcome.INCONCLUSIVE


def marks_of(*faults: tuple[float, float | None]) -> list[FaultMark]:
    made = []
    for number, (start, end) in enumerate(faults, start=1):
        made.append(FaultMark(start, "cut", INJECTED, "", number))
        made += [] if end is None else [FaultMark(end, "cut", UNDONE, "", number)]
    return made


@pytest.mark.parametrize(
    ("faults", "stretches"),
    [
        ([(50.7, 60.2)], [("cut at 50 s", 50, 61)]),
        ([(50, 60), (100, 110)], [("cut at 50 s", 50, 60), ("cut at 100 s", 100, 110)]),
        ([(100, 110), (50, 60)], [("cut at 50 s", 50, 60), ("cut at 100 s", 100, 110)]),
        ([(50, 60), (60.9, 70)], [("cut at 50 s and cut at 60 s", 50, 70)]),
        ([(50, 60), (61, 70)], [("cut at 50 s", 50, 60), ("cut at 61 s", 61, 70)]),
        ([(50, 80), (60, 70)], [("cut at 50 s and cut at 60 s", 50, 80)]),
        ([(50, None), (100, 110)], [("cut at 50 s and cut at 100 s", 50, 1_000_000_000)]),
    ],
)
def test_faults_that_overlap_or_follow_each_other_within_a_second_are_one(
    faults: Sequence[tuple[float, float | None]], stretches: list[tuple[str, int, int]]
) -> None:
    assert _disturbances(marks_of(*faults)) == [_Disturbance(*each) for each in stretches]


@pytest.mark.parametrize(
    ("stretches", "watched"),
    [
        ([(50, 60), (100, 110)], [(60, 100), (110, 181)]),
        ([(50, 1_000_000_000)], [(181, 181)]),
        ([(190, 200)], [(190, 190)]),
        ([], []),
    ],
)
def test_each_is_watched_until_the_next_or_the_end_of_the_run(
    stretches: list[tuple[int, int]], watched: list[tuple[int, int]]
) -> None:
    pairs = _with_next(day([]), [_Disturbance("cut", *each) for each in stretches])
    assert [(each.end_s, until_s) for each, until_s in pairs] == watched


def told(figure: float | None, interval: tuple[float, float] | None) -> Finding:
    return Finding("a", "a", Outcome.PASS, "", figure=figure, interval=interval)


def test_the_longest_time_is_known_where_each_is_or_one_is_too_long_already() -> None:
    known, open_, unknown = told(4, (3, 5)), told(None, (2, math.inf)), told(None, None)
    assert (_figure([known, told(7, (1, 9))]), _figure([known, open_]), _figure([])) == (7, None, None)
    assert _interval([known, told(7, (1, 9))], Outcome.PASS) == (3, 9)
    assert _interval([known, open_], Outcome.FAIL) == (3, math.inf)
    assert _interval([known, unknown], Outcome.INCONCLUSIVE) is None
    assert _interval([known, unknown], Outcome.FAIL) == (3, 5)
    assert _interval([unknown], Outcome.FAIL) is None


def test_what_is_asked_for_is_that_of_recovery_time() -> None:
    """With its baseline, its time to hold and its requests."""
    criterion = RecoversFromEachFault(baseline="calm", baseline_windows=40, requests="GET /")
    wanted = criterion.baseline_wanted
    assert (wanted.phase, wanted.windows, wanted.window_s, wanted.to_judge) == ("calm", 40, 1, "the recovery")
    run = day([(50, 60, 64), (100, 110, 117)])
    assert [(each.start_s, each.end_s, each.requests) for each in criterion.failures_seen(run)] == [
        (50, math.inf, "GET /")
    ]
    assert list(criterion.failures_seen(recordings.healthy())) == []
    assert found(run, requests="GET /auth/me").title == "recovery after each fault, GET /auth/me"  # type: ignore[arg-type]
    assert found(run, baseline_windows=31).outcome is Outcome.INCONCLUSIVE, "the baseline has 30"
    assert found(run, hold_s=60).outcome is not Outcome.PASS, "50 s are watched after the first"


def test_no_fault_at_all_is_nothing_to_recover_from() -> None:
    finding = found(recordings.healthy())
    assert (finding.outcome, finding.title) == (Outcome.INCONCLUSIVE, "recovery after each fault")
    assert finding.reason == "no fault was planned, so there was nothing to recover from: plan one with --fault"
    uninjected = found(day([(50, 60, 61)], injected=0))
    assert uninjected.reason == "1 of 1 planned faults were not injected; a run to its end would settle it"
