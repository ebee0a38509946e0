"""Does a readiness page say what is the case, after each fault and after its end?"""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness import criteria
from harness.analysis.histogram import bucket_index
from harness.criteria.recovery.readiness import _by_second
from harness.findings import Finding, Outcome
from harness.recording import End, Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import OK, Scalar
from tests import recordings

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
PAGE = "GET readiness"
AT_S, UNDONE_S, END_S = 10.0, 30.0, 60
AWAY = FaultMark(AT_S, "stop_process", INJECTED, "", 1), FaultMark(UNDONE_S, "stop_process", UNDONE, "", 1)


def answer(t: int, status: int, count: int = 10, took_us: int = 1000) -> Slice:
    outcome = OK if status in (200, 503) else "timeout"
    latency = {bucket_index(took_us): count} if outcome == OK else {}
    return Slice(t, "local", PAGE, outcome, count, 0, latency, status=status)


def run(
    *,
    told_after_s: float = 0,
    back_after_s: float = 0,
    status: int = 503,
    before: int = 200,
    faults: tuple[FaultMark, ...] = AWAY,
    more: tuple[Slice, ...] = (),
) -> Recording:
    """A dependency is away from 10 to 30 s; the page says so and takes it back so long after that."""
    away = range(math.floor(AT_S + told_after_s), math.floor(UNDONE_S + back_after_s))
    pieces = [answer(t, status if t in away else before if t < AT_S else 200) for t in range(END_S)]
    whole = recordings.healthy()
    phases = Phase("baseline", 0, 10), Phase("spike", 10, 30), Phase("recovery", 30, END_S)
    planned = dataclasses.replace(whole.header, phases=phases, gates=(), level=())
    ended = End(END_S, "completed", True, 0, 0)
    return dataclasses.replace(whole, header=planned, slices=(*pieces, *more), marks=faults, end=ended)


def judged(recording: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec("readiness", parameters)).judge(recording)


@pytest.mark.parametrize("status", [503, 0])
def test_a_page_that_says_so_at_once_by_its_status_or_by_no_answer(status: int) -> None:
    found = judged(run(status=status))
    assert found.outcome is PASS and found.interval == pytest.approx((0, 1), abs=0.01), found.reason
    assert found.evidence["fault 1, stop_process at 10 s, there"].endswith(
        "the page said 'not ready' after 0 ms to 1 s"
    )  # type: ignore[union-attr]


@pytest.mark.parametrize(("told_s", "back_s", "interval"), [(3, 0, (2, 4)), (0, 7, (6, 8)), (8, 7, (7, 9))])
def test_the_longest_of_its_times_is_judged(told_s: int, back_s: int, interval: tuple[float, float]) -> None:
    found = judged(run(told_after_s=told_s, back_after_s=back_s))
    assert found.interval == pytest.approx(interval, abs=0.01), found.reason
    assert found.figure == pytest.approx(sum(interval) / 2, abs=0.01)


def test_a_page_that_is_always_ready_tells_nothing() -> None:
    found = judged(run(status=200))
    assert (found.outcome, found.figure, found.censored) == (FAIL, None, True)
    assert found.reason == (
        "fault 1, stop_process at 10 s, there: the page did not keep saying 'not ready' in the 20 s of it, limit 5 s"
    )


def test_a_page_that_never_says_ready_again_has_not_recovered() -> None:
    never = judged(run(back_after_s=30))
    assert (never.outcome, never.censored) == (FAIL, True) and "keep saying 'ready' in the 30 s of it" in never.reason
    assert judged(run(back_after_s=30), limit_s=40).outcome is INCONCLUSIVE


def test_one_of_several_instances_that_goes_on_saying_ready_is_not_told() -> None:
    found = judged(run(more=tuple(answer(t, 200, 3) for t in range(10, 30))))
    assert found.outcome is FAIL, found.reason


def test_a_page_that_waits_for_a_dependency_may_answer_when_that_is_back() -> None:
    """Asked in the last second of the fault, answered 1.2 s later: ready then, and no sign that it was so before."""
    late = run(more=(answer(29, 200, 5, took_us=1_200_000),))
    assert judged(late).outcome is PASS, judged(late).reason
    at_once = judged(run(more=(answer(27, 200, 5),)))
    assert (at_once.outcome, at_once.interval) == (FAIL, (17, pytest.approx(19, abs=0.01))), at_once.reason


def test_what_is_said_is_known_when_it_has_been_answered() -> None:
    slow = run(status=200, more=tuple(answer(t, 503, took_us=1_500_000) for t in range(10, 30)))
    only = replace_ready(slow)
    assert judged(only).interval == pytest.approx((0, 2.5), abs=0.01)


def replace_ready(run: Recording) -> Recording:
    """Without the answers that said ready while the dependency was away."""
    kept = tuple(each for each in run.slices if each.status != 200 or not AT_S <= each.t < UNDONE_S)
    return dataclasses.replace(run, slices=kept)


def test_a_page_that_is_not_ready_before_anything_is_away_shows_nothing() -> None:
    found = judged(run(before=503), remedy="mend it")
    assert found.outcome is INCONCLUSIVE
    assert found.reason == ("100 of 100 answers before the first fault did not say that the service is ready: mend it")
    once = judged(run(more=(answer(4, 503, 1),)))
    assert once.outcome is INCONCLUSIVE and once.reason.startswith("1 of 101 answers before the first fault did not")
    nobody = judged(run(), requests="GET nothing")
    assert nobody.reason == "no GET nothing was asked before the first fault"


def test_without_a_fault_it_had_nothing_to_tell() -> None:
    found = judged(run(status=200, faults=()), remedy="plan one")
    assert (found.outcome, found.reason) == (
        INCONCLUSIVE,
        "no fault was injected, so the page had nothing to tell: plan one",
    )


def mark(at_s: float, event: str, number: int) -> FaultMark:
    return FaultMark(at_s, "abcd"[number - 1], event, "", number)


def overlapping(until_s: int) -> Recording:
    """Of one fault from 10 to 50 s another is there from 20 to 30 s; the page is not ready from 10 s to ``until_s``."""
    marks = mark(10, INJECTED, 1), mark(20, INJECTED, 2), mark(30, UNDONE, 2), mark(50, UNDONE, 1)
    pieces = tuple(answer(t, 503 if 10 <= t < until_s else 200) for t in range(END_S))
    return dataclasses.replace(run(faults=marks), slices=pieces)


def test_while_one_fault_is_there_the_end_of_another_is_no_reason_to_say_ready() -> None:
    well = judged(overlapping(50))
    assert (well.outcome, list(well.evidence)) == (
        PASS,
        ["fault 1, a at 10 s, and fault 2, b at 20 s, there", "fault 1, a at 10 s, and fault 2, b at 20 s, gone"],
    ), well.reason
    early = judged(overlapping(30))
    assert (early.outcome, early.interval) == (FAIL, (38, math.inf)), early.reason
    late = judged(overlapping(58))
    assert late.outcome is FAIL and late.interval == pytest.approx((7, 9), abs=0.01), late.reason


def test_faults_that_do_not_overlap_are_judged_each_by_itself() -> None:
    again = FaultMark(45, "kill_process", INJECTED, "", 2), FaultMark(50, "kill_process", UNDONE, "", 2)
    found = judged(run(faults=(*AWAY, *again)))
    assert found.outcome is INCONCLUSIVE, "5 s are not longer than the limit"
    assert list(found.evidence) == [
        f"fault {number}, {name} at {at_s} s, {which}"
        for number, name, at_s in ((1, "stop_process", 10), (2, "kill_process", 45))
        for which in ("there", "gone")
    ]


def unasked(run: Recording, from_s: int, until_s: int) -> Recording:
    return dataclasses.replace(run, slices=tuple(each for each in run.slices if not from_s <= each.t < until_s))


@pytest.mark.parametrize(
    ("told_s", "from_s", "until_s", "interval", "reason"),
    [
        (0, 10, 30, (0, math.inf), "there: the page was not asked in the 20 s of it, limit 5 s"),
        (0, 30, 60, (0, math.inf), "gone: the page was not asked in the 30 s of it, limit 5 s"),
        (
            *(1, 11, 30, (0, math.inf)),
            "there: the page did not keep saying 'not ready' in the 20 s of it, and was not asked after 1 s, limit 5 s",
        ),
        (0, 10, 24, (0, 15), "there: the page said 'not ready' after 0 ms to 15 s, limit 5 s"),
    ],
)
def test_a_page_that_nobody_asks_has_not_said_the_wrong_thing(
    told_s: int, from_s: int, until_s: int, interval: tuple[float, float], reason: str
) -> None:
    found = judged(unasked(run(told_after_s=told_s), from_s, until_s))
    assert (found.outcome, found.interval) == (INCONCLUSIVE, pytest.approx(interval, abs=0.01))
    assert found.reason.endswith(f"{reason}; requests for the page in every second would settle it")


def test_a_page_that_says_the_wrong_thing_later_than_the_limit_fails_though_nobody_asks_any_more() -> None:
    found = judged(unasked(run(told_after_s=8), 18, 30))
    assert (found.outcome, found.interval, found.censored) == (FAIL, (7, math.inf), True), found.reason


def test_what_is_wrong_is_named_before_what_is_not_known() -> None:
    found = judged(unasked(run(told_after_s=8), 30, 60))
    assert found.outcome is FAIL and ", there: the page said 'not ready' after 7 s to 9 s" in found.reason


def test_that_it_says_so_while_a_dependency_is_away_is_no_failure_that_nobody_judges() -> None:
    (seen,) = criteria.load(CriterionSpec("readiness")).failures_seen(run())
    assert (seen.start_s, seen.end_s, seen.requests) == (AT_S, UNDONE_S + 5, PAGE)


@pytest.mark.parametrize(
    ("status", "is_ready"), [(200, True), (204, True), (299, True), (300, False), (199, False), (404, False)]
)
def test_ready_is_a_status_of_two_hundred_and_some(status: int, is_ready: bool) -> None:
    """An answer that is good for the user, as one that follows to another address may be; whoever looks does not."""
    piece = dataclasses.replace(answer(3, 200), status=status)
    (found,) = _by_second(dataclasses.replace(run(), slices=(piece,)), PAGE).values()
    assert (found.ready.count, found.other.count) == ((10, 0) if is_ready else (0, 10))
