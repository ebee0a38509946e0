"""A ledger across a failover: which rows, looks and attempts count, and what is told of them, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.criteria.replication._ledger import ledger_of
from harness.findings import Outcome
from harness.recording import UNCOUNTED, Operation, Recording
from tests.histories import recording
from tests.ledgers import KILLED, NODES, judged, ledger, look, write, writes

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
DB1, DB2 = NODES


def looked(row: str, by: str, via: str = "audit", at_s: float = 61.0, copies: int | None = 1) -> Operation:
    return replace(look(row, copies, begin_s=at_s), source=by, via=via)


@pytest.mark.parametrize("audit", ["audit", "aud*", "*"])
def test_who_answered_how_many_looks_is_counted(audit: str) -> None:
    """However they are asked for, one that a replica answered, or that is for a row nobody wrote, is no look."""
    looks = [looked("a", "db2"), looked("b", "db2"), looked("c", ""), look("d", 1, answered=False)]
    elsewhere = [
        looked("a", "", "audit, standby"),
        looked("b", "", "audit, replica"),
        looked("c", "", "audit, replica"),
    ]
    controls = [looked(row, "db2", "audit control", copies=copies) for row, copies in (("x", None), ("y", 1))]
    made = [write(row, 1 + n, 1.5 + n) for n, row in enumerate("abcd")]
    found = ledger_of(recording(*made, *looks, *elsewhere, *controls), "ledger", audit)
    assert dict(found.looked_at) == {"db2": 2, "not said": 1}
    assert found.elsewhere == ("replica", "standby")
    assert (found.controls, found.found_by_controls) == (2, 1)
    assert [(row.key, row.rows) for row in found.rows] == [("a", 1), ("b", 1), ("c", 1), ("d", None)]


@pytest.mark.parametrize(("since_s", "early"), [(61.0, 0), (61.5, 1), (62.5, 2)])
@pytest.mark.parametrize("audit", ["audit", "aud*"])
def test_a_look_that_began_before_the_last_fault_came_too_early(since_s: float, early: int, audit: str) -> None:
    looks = [looked("a", "db2"), looked("b", "db2", at_s=62.0)]
    found = ledger_of(recording(write("a", 1.0, 1.1), write("b", 2.0, 2.1), *looks), "ledger", audit, since_s)
    assert (found.too_early, found.looked_at.get("db2", 0)) == (early, 2 - early)
    assert [row.rows for row in found.rows] == [None] * early + [1] * (2 - early)


@pytest.mark.parametrize(
    ("looks", "rows"),
    [
        ([(61.0, 2), (62.0, 1)], 1),
        ([(62.0, 2), (61.0, 1)], 2),
        ([(61.0, 2), (61.0, 1)], 1),  # of two that began at once the later told
        ([(61.0, None)], 0),
    ],
)
def test_the_last_look_for_a_row_counts(looks: list[tuple[float, int | None]], rows: int) -> None:
    made = [looked("a", "db2", at_s=at_s, copies=copies) for at_s, copies in looks]
    (row,) = ledger_of(recording(write("a", 1.0, 1.1), *made), "ledger", "audit").rows
    assert row.rows == rows and row.is_counted


def test_attempts_are_in_the_order_in_which_they_began_and_the_first_good_one_acknowledges() -> None:
    attempts = [write("a", 3.0, 3.1, "db2", attempt=3), write("a", 1.0, None), write("a", 2.0, 2.1, "db1", attempt=2)]
    (row, other) = ledger_of(recording(write("b", 1.5, None), *attempts), "ledger", "audit").rows
    assert [each.invoke_s for each in row.attempts] == [1, 2, 3]
    assert row.acknowledged is not None and row.acknowledged.source == "db1"
    assert (other.key, other.acknowledged, other.rows) == ("b", None, None)
    uncounted = replace(look("b", 1), cache=UNCOUNTED)
    (told,) = ledger_of(recording(write("b", 1.5, None), uncounted), "ledger", "audit").rows
    assert not told.is_counted


def test_what_a_ledger_has_to_tell() -> None:
    """Of 1,200 writes the 60 from 12 s to 15 s have no answer; five that were acknowledged are looked for in vain."""
    found = judged("lost_writes", ledger(writes(), lost=4, unknown=5))
    assert {key: value for key, value in found.evidence.items() if "effect" not in key and "example" not in key} == {
        "lost": 4,
        "acknowledged in the last second before a fault": 20,
        "writes": 1200,
        "acknowledged": 1140,
        "without an answer": 60,
        "of these there": 0,
        "not looked for with an answer": 5,
        "looks answered by db2": 1195,
        "faults": 1,
    }
    assert found.reason == (
        "4 of 1,140 acknowledged writes are not there, and of 5 nobody knows, because no look for them had an answer "
        "(60 more had no answer, and 0 of these are there); limit 0"
    )
    assert [key for key in found.evidence if key.startswith("example")] == ["example 1", "example 2", "example 3"]
    by = judged("lost_writes", ledger(writes(sources=("db1", "db2")), lost=1))
    assert by.evidence["example 1"] == "r0, acknowledged by db1 at 10 ms"


def test_a_ledger_that_nobody_wrote_looked_for_or_was_acknowledged_for_is_open() -> None:
    empty = judged("lost_writes", recording(faults=KILLED), remedy="start writers")
    assert empty.outcome is INCONCLUSIVE
    assert empty.reason == "no write came by way of ledger: users keep them with self.operation(...): start writers"
    unseen = judged("lost_writes", recording(write("a", 11.5, 11.6), faults=KILLED))
    reason = "no look by way of audit for what was written had an answer, so nobody knows what is there"
    assert (unseen.outcome, unseen.reason, unseen.evidence["writes"]) == (INCONCLUSIVE, reason, 1)
    none = judged("lost_writes", recording(write("a", 12.5, None), look("a", None), faults=KILLED))
    assert (none.outcome, none.reason) == (INCONCLUSIVE, "none of 1 writes was acknowledged")


def looking_at(at_s: float, rows: int) -> Recording:
    """The looks for the first so many rows begin then; struck at 12 s."""
    run = ledger(writes(until_s=20))
    early = {f"r{number}" for number in range(rows)}
    made = [
        replace(each, invoke_s=at_s, return_s=at_s + 0.01) if each.via == "audit" and each.key in early else each
        for each in run.operations[0].operations
    ]
    return recording(*made, faults=KILLED)


@pytest.mark.parametrize("criterion", ["lost_writes", "recovery_point", "doubled_writes"])
def test_a_look_from_before_the_last_fault_shows_nothing_of_what_it_took(criterion: str) -> None:
    """Users that leave early look for their rows when they do."""
    well = judged(criterion, looking_at(12.0, 3))
    assert (well.outcome, well.interval) == (PASS, (0, 0)) and "looked for before the last fault" not in well.evidence
    early = judged(criterion, looking_at(11.99, 3))
    assert (early.outcome, early.evidence["looked for before the last fault"]) == (INCONCLUSIVE, 3)
    assert early.evidence["not looked for with an answer"] == 3
    assert early.interval == ((0, pytest.approx(11.99)) if criterion == "recovery_point" else (0, 3))
    nobody = judged(criterion, looking_at(11.99, 400))
    assert nobody.outcome is INCONCLUSIVE and nobody.reason == (
        "no look by way of audit for what was written had an answer, so nobody knows what is there; 400 that did came "
        "before the last fault, and show nothing of what it took"
    )


def test_what_is_told_of_writes_that_are_there_more_than_once() -> None:
    """The 60 without an answer after the fault were met by it; one is sent again, and another there thrice."""
    run = ledger([*writes(), write("r250", 15.2, 15.3, attempt=2)], doubled=2, unknown=3)
    made = [
        replace(one, version=3) if one.key == "r0" and one.via == "audit" else one
        for one in run.operations[0].operations
    ]
    found = judged("doubled_writes", recording(*made, faults=KILLED))
    told = ("doubled", "rows too many", "sent again", "sent again, or met by a fault", "not looked for with an answer")
    assert [found.evidence[key] for key in told] == [2, 3, 1, 60, 3]
    assert found.evidence["example 1"] == "r0, sent at 0 ms, acknowledged: 3 rows"
    assert (found.outcome, found.figure, found.interval) == (FAIL, 2, (2, 5))
    assert found.reason == (
        "2 of 1,200 writes are there more than once, and of 3 nobody knows, because no look for them had an answer; "
        "limit 0"
    )
    unmet = judged("doubled_writes", ledger(writes(away=None)))
    assert unmet.reason.startswith(
        "no write was sent again, none was under way when a fault came, and none had no answer"
    )
    untried = judged("doubled_writes", ledger(writes(away=None), faults=()))
    assert untried.reason == "no fault was injected, so nobody had a reason to send a write again"
