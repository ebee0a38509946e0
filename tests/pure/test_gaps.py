"""Stretches without a good answer: how long they were for those who asked, and would have been for any other."""

from __future__ import annotations

import math

import pytest

from harness import criteria
from harness.criteria._injections import Injection
from harness.criteria._seen import Seen
from harness.criteria.recovery._gaps import Gap, gaps, tries_of, usual_s
from harness.criteria.recovery.outage import _of_fault
from harness.findings import Finding, Outcome
from harness.recording import Operation, Recording
from harness.recording.header import CriterionSpec
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import Scalar
from tests.histories import read, recording, write

FROM_S, UNTIL_S = 9.5, 17.0


def good(*begun_s: float, took_s: float = 0.1) -> list[Operation]:
    return [read(1, at_s, at_s + took_s) for at_s in begun_s]


def in_vain(*begun_s: float) -> list[Operation]:
    return [read(None, at_s, None) for at_s in begun_s]


BEFORE, AFTER = good(*range(10)), good(15, 16)


def longest(*operations: Operation, until_s: float = UNTIL_S) -> Gap:
    found = gaps(tries_of(recording(*BEFORE, *operations), "read", "*"), FROM_S, until_s)
    return max(found, key=lambda gap: gap.length_s)


def about(gap: Gap) -> tuple[float, float, float, int]:
    return round(gap.start_s, 6), round(gap.end_s, 6), round(gap.shortest_s, 6), gap.in_vain


@pytest.mark.parametrize(
    ("operations", "gap"),
    [
        # A good answer takes 0.1 s, so the try of 10 s shows from 10.1 s on that there is none.
        ([*in_vain(10, 11, 12, 13, 14), *AFTER], (9.1, 15.1, 3.9, 5)),
        ([*in_vain(10), *AFTER], (9.1, 15.1, 0.0, 1)),
        (AFTER, (9.1, 15.1, 0.0, 0)),
        # One that began before the last good answer, and should have had its own after it.
        ([*in_vain(9.05, 14), *AFTER], (9.1, 15.1, 4.85, 2)),
        ([*in_vain(8.95, 14), *AFTER], (9.1, 15.1, 0.0, 1)),
        # Who had to wait until it was back is a sign as well, and was not in vain.
        ([*good(10, took_s=5.1), *good(11, took_s=4.1), *good(14, took_s=1.1)], (9.1, 15.1, 3.9, 0)),
        # Half a second longer than usual is a sign, and less is none.
        ([*good(10, took_s=5.1), *good(14.49, took_s=0.61)], (9.1, 15.1, 4.39, 0)),
        ([*good(10, took_s=5.1), *good(14.51, took_s=0.59)], (9.1, 15.1, 0.0, 0)),
        # It does not come back: in vain to the end, or nobody asks any more.
        (in_vain(10, 12, 16), (9.1, math.inf, 5.9, 3)),
        ([], (9.1, 17.0, 0.0, 0)),
    ],
)
def test_a_stretch_from_answer_to_answer_and_what_of_it_others_would_have_seen(
    operations: list[Operation], gap: tuple[float, float, float, int]
) -> None:
    assert about(longest(*operations)) == gap


def test_the_first_stretch_begins_before_the_fault_and_the_last_before_the_end_of_the_load() -> None:
    def starts(until_s: float) -> list[float]:
        found = gaps(tries_of(recording(*BEFORE, *AFTER), "read", "*"), FROM_S, until_s)
        return [round(gap.start_s, 6) for gap in found]

    assert starts(60.0) == [9.1, 15.1, 16.1] and starts(16.1) == [9.1, 15.1] and starts(9.1) == []
    assert longest(*AFTER, until_s=15.0).length_s == pytest.approx(6.0), "it ends with an answer after the load"


def test_the_usual_time_is_the_longest_before_the_fault() -> None:
    tries = tries_of(recording(*BEFORE, *good(2.0, took_s=0.3), *good(9.4, took_s=0.2)), "read", "*")
    assert usual_s(tries, FROM_S) == pytest.approx(0.3)
    assert usual_s(tries, 2.3) == pytest.approx(0.1) and usual_s(tries, 0.05) == math.inf


def test_tries_are_those_of_a_kind_and_a_way_on_all_nodes() -> None:
    other = read(1, 3, 3.1, via="cache")
    nodes = {"a": (0.2, [*good(4, 2), other]), "b": (0.3, [write(1, 1, 2), *in_vain(7, 5)])}
    tries = tries_of(recording(nodes=nodes), "read", "ser*")
    assert [one.invoke_s for one in tries.good] == [2, 4]
    assert (tries.bad_s, tries.count, tries.uncertainty_s) == ((5, 7), 4, 0.5)


@pytest.mark.parametrize(
    ("gaps_of", "told"),
    [
        ([(9.0, 12.0, 1.0, 2)], "3 s, 2 in vain"),
        ([(9.0, 10.0, 1.0, 2)], "not watched"),  # it ended when the fault began
        ([(20.0, 22.0, 1.0, 2)], "not watched"),  # it began with the next one
        ([(9.0, 12.0, 1.0, 2), (12.0, 17.0, 0.5, 0), (19.0, 40.0, 0.9, 3)], "3 s, 2 in vain"),
        ([(9.0, 12.0, 1.0, 2), (12.0, 17.0, 1.0, 0)], "5 s, 0 in vain"),
    ],
)
def test_of_each_fault_the_stretch_is_told_that_clients_would_have_seen_most_of(
    gaps_of: list[tuple[float, float, float, int]], told: str
) -> None:
    faults = Injection("kill", 10.0, 11.0), Injection("kill", 20.0, 21.0)
    assert _of_fault([Gap(*each) for each in gaps_of], faults[0], faults) == told


TWO_FAULTS = tuple(
    FaultMark(at_s, "kill", event, "", number)
    for number, (from_s, until_s) in enumerate([(10.0, 11.0), (40.0, 42.0)], start=1)
    for at_s, event in ((from_s, INJECTED), (until_s, UNDONE))
)


def asked(*bad_s: int, until_s: int = 60) -> Recording:
    """Once a second, and answered after 100 ms but for those; with a fault at 10 s and another one at 40 s."""
    tries = [*in_vain(*bad_s), *good(*(t for t in range(until_s) if t not in bad_s))]
    return recording(*tries, faults=TWO_FAULTS)


def judged(run: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec("outage", {"kind": "read", **parameters})).judge(run)


FOUND = (
    "6 s without a good answer to a read, from 9.1 s to 15.1 s, with 5 tries in vain; clients that had asked all the "
    "time would have found at least 3.9 s; limit "
)


@pytest.mark.parametrize(
    ("limit_s", "outcome", "reason"),
    [
        (3.8, Outcome.FAIL, f"{FOUND}3.8 s"),
        (5.0, Outcome.INCONCLUSIVE, f"{FOUND}5 s; tries at shorter intervals would settle it"),
        (20.0, Outcome.PASS, f"{FOUND}20 s"),
        (
            *(21.0, Outcome.INCONCLUSIVE),
            f"{FOUND}21 s; only 20 s were watched after the last fault, a longer load would settle it",
        ),
    ],
)
def test_an_outage_after_the_first_of_two_faults_is_told(limit_s: float, outcome: Outcome, reason: str) -> None:
    """In vain from 10 to 14 s; the last fault is 20 s before the end of the load."""
    found = judged(asked(*range(10, 15)), limit_s=limit_s)
    assert (found.outcome, found.reason, found.censored) == (outcome, reason, False)
    assert (found.figure, found.interval) == (pytest.approx(6.0), pytest.approx((3.9, 6.0)))
    told = {name: value for name, value in found.evidence.items() if "effect" not in name}
    assert told == {
        "tries": 60,
        "tries in vain after the fault": 5,
        "stretches with tries in vain": 1,
        "fault 1, kill at 10 s": "6 s, 5 in vain",
        "fault 2, kill at 40 s": "1 s, 0 in vain",
    }


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (asked(*range(58, 60)), "no good answer to a read came after 57.1 s, in the 2.9 s that were left of the load"),
        (asked(*range(10)), "no read had a good answer before the fault, so nobody knows when there was none any more"),
        (recording(*good(*range(60))), "no fault was injected, so nothing was to be survived: plan one"),
        (recording(faults=TWO_FAULTS), "no read came by way of *: users keep them with self.operation(...)"),
    ],
)
def test_what_is_not_known_of_an_outage_is_said(run: Recording, reason: str) -> None:
    found = judged(run, remedy="plan one")
    assert found.outcome is Outcome.INCONCLUSIVE and found.reason.startswith(reason)


def test_for_as_long_as_an_outage_may_take_failures_are_meant() -> None:
    seen = criteria.load(CriterionSpec("outage", {"limit_s": 5.0, "on_top_s": 2.0})).failures_seen(asked())
    assert list(seen) == [Seen(10.0, 17.0), Seen(40.0, 47.0)]
