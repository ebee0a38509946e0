"""Of how long a time acknowledged writes are lost at a fault, also where there are several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from harness.findings import Outcome
from harness.recording import Operation, Recording
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from tests.histories import recording
from tests.ledgers import ask, judged, ledger, look, write, writes

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def test_the_recovery_point_is_the_age_of_the_oldest_write_that_is_lost() -> None:
    """One each 50 ms from 0 s on, acknowledged after 10 ms, of which the first so many are lost; struck at 12 s."""
    nothing = judged("recovery_point", ledger(writes()))
    assert (nothing.outcome, nothing.figure, nothing.interval) == (PASS, 0, (0, 0))
    some = judged("recovery_point", ledger(writes(), lost=3), limit_s=11.0)
    assert some.outcome is FAIL and some.figure == pytest.approx(11.99)
    assert "3 of " in some.reason and "of 12 s before the fault" in some.reason
    assert judged("recovery_point", ledger(writes(), lost=3), limit_s=12.0).outcome is PASS


def test_of_a_write_that_nobody_found_an_answer_for_the_recovery_point_is_not_known() -> None:
    found = judged("recovery_point", ledger(writes(), unknown=1))
    assert found.outcome is INCONCLUSIVE and found.interval == (0, pytest.approx(11.99))
    assert "of 1 nobody knows" in found.reason


def test_what_an_old_primary_acknowledged_after_the_fault_counts_from_the_fault_on() -> None:
    split = ledger([write("a", 11.0, 11.5), write("b", 13.9, 14.0), ask(1, 2), ask(12.1, None), ask(12.2, None)])
    lost = [
        replace(each, version=None) if each.key == "b" and each.via == "audit" else each
        for batch in split.operations
        for each in batch.operations
    ]
    run = replace(split, operations=(replace(split.operations[0], operations=tuple(lost)),))
    assert judged("recovery_point", run).figure == pytest.approx(2.0)


def test_without_a_fault_that_struck_there_is_no_recovery_point() -> None:
    found = judged("recovery_point", ledger(writes(), faults=()))
    assert (found.outcome, found.figure) == (INCONCLUSIVE, None)
    assert judged("recovery_point", ledger(writes(), lost=2, faults=())).outcome is INCONCLUSIVE


def struck(*at_s: float) -> list[FaultMark]:
    return [
        mark
        for number, t in enumerate(at_s, start=1)
        for mark in (FaultMark(t, "cut", INJECTED, "", number), FaultMark(t + 5, "cut", UNDONE, "", number))
    ]


def losing(is_lost: Callable[[float], bool], *at_s: float, made: Sequence[Operation] = ()) -> Recording:
    """A write each 50 ms, without those that are lost of the ones acknowledged at such a time; faults at these times,
    of which the first makes some fail.
    """
    made = made or writes(away=(at_s[0], at_s[0] + 0.3))
    there = [look(each.key, None if each.return_s is not None and is_lost(each.return_s) else 1) for each in made]
    return recording(*made, *there, faults=struck(*at_s))


def test_a_fault_that_lost_nothing_takes_no_writes_from_the_one_that_did() -> None:
    """The primary of before goes on to 29 s, and all that it acknowledged is lost: 17 s, and no 9 of each fault. That
    a later one is there says that it was not the second fault.
    """
    found = judged("recovery_point", losing(lambda t: 12.3 <= t < 29, 12, 30), limit_s=10.0)
    assert (found.outcome, found.interval) == (FAIL, (pytest.approx(16.96), pytest.approx(16.96))), found.reason
    alone = judged("recovery_point", losing(lambda t: 12.3 <= t < 29, 12), limit_s=10.0)
    assert alone.interval == found.interval


def test_a_fault_before_which_all_is_lost_has_lost_it_and_a_later_one_has_not() -> None:
    """The first write is acknowledged at 10 ms, and nothing is there of those before the fault at 12 s."""
    found = judged("recovery_point", losing(lambda t: t <= 12, 12, 40), limit_s=12.0)
    assert (found.outcome, found.interval) == (PASS, (pytest.approx(11.99), pytest.approx(11.99))), found.reason


def test_to_which_of_two_faults_all_between_them_is_lost_nobody_knows() -> None:
    found = judged("recovery_point", losing(lambda t: 12.3 <= t < 30, 12, 30), limit_s=10.0)
    assert found.outcome is INCONCLUSIVE and found.interval == pytest.approx((8.99, 17.96), abs=0.01), found.reason
    assert "of 8.99 s to 18 s before the fault; limit 10 s; to which fault they are lost is not known" in found.reason


def test_a_replica_that_had_been_behind_since_before_another_fault_loses_all_that_it_lacks() -> None:
    """Lost is what was acknowledged from 5 to 14 s, by the fault at 14 s: up to 13 s the other one is nearer."""
    found = judged("recovery_point", losing(lambda t: 5 <= t < 14, 12, 14), limit_s=8.0)
    assert found.outcome is INCONCLUSIVE and found.interval == pytest.approx((7, 9), abs=0.05), found.reason


@pytest.mark.parametrize("sources", [("db1", "db2"), ("", "")])
def test_what_is_lost_at_each_of_two_faults_is_the_last_before_it(sources: tuple[str, str]) -> None:
    """Nothing that was acknowledged earlier is lost to it where later ones are there, nor anything of a node that took
    others in between.
    """
    made = writes(away=(12, 12.3), sources=sources)
    run = losing(lambda t: 11.8 < t <= 12 or 39.5 < t <= 40, 12, 40, made=made)
    found = judged("recovery_point", run, limit_s=1.0)
    assert found.interval is not None and found.interval[0] == pytest.approx(0.49)
    if any(sources):
        assert (found.outcome, found.interval[1]) == (PASS, pytest.approx(0.49)), found.reason
    else:
        assert (found.outcome, found.interval[1]) == (INCONCLUSIVE, pytest.approx(28.15, abs=0.01)), found.reason


def test_a_write_that_is_lost_to_no_fault_may_be_to_any() -> None:
    """Between two of one node that are there: by the clock it is 8 s from one and 20 from another."""
    made = writes(away=(12, 12.3), sources=("db1", "db1"))
    found = judged("recovery_point", losing(lambda t: 19.98 < t < 20.02, 12, 40, made=made), limit_s=8.5)
    assert found.outcome is INCONCLUSIVE and found.interval == pytest.approx((8, 20), abs=0.02)
