"""Backups: what is in them, what their steps did, and what they cost, from recordings of known content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.analysis.histogram import bucket_index
from harness.criteria.backup._steps import seconds_of
from harness.findings import Finding, Outcome
from harness.recording import READ, STEP, WRITE, CriterionSpec, Operation, Operations, Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import OK
from harness.verdict import judge
from tests import histories

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
BEGIN_S, END_S, READ_S = 10.0, 12.0, 20.0


def writes(per_s: int = 20, until_s: float = 15) -> Iterator[Operation]:
    for n in range(int(until_s * per_s)):
        yield Operation(f"row-{n}", "s", WRITE, 1, n / per_s, n / per_s + 0.01, "ledger")


def step(key: str, begin_s: float, end_s: float | None, reason: str = "", size: int | None = None) -> Operation:
    return Operation(key, "s", STEP, size, begin_s, end_s, "backup", "", reason)


def restored(rows: range, copies: int = 1) -> Iterator[Operation]:
    return (Operation(f"row-{n}", "s", READ, copies, READ_S, READ_S, "restored dump") for n in rows)


STEPS = step("take dump", BEGIN_S, END_S, size=1000), step("read restored dump", READ_S, READ_S + 1)
WHOLE = range(220)  # 20 rows a second until the middle of the backup


def found(run: Recording, criterion: str, **parameters: object) -> Finding:
    spec = CriterionSpec(criterion, parameters)  # type: ignore[arg-type]
    return next(each for each in judge(run, [spec]).findings if each.kind == criterion)


def contents(*operations: Operation, steps: tuple[Operation, ...] = STEPS) -> Finding:
    return found(histories.recording(*writes(), *steps, *operations), "restored_writes")


def test_a_backup_with_all_that_it_should_have() -> None:
    whole = contents(*restored(WHOLE))
    assert (whole.outcome, whole.figure) == (PASS, 0)
    assert whole.evidence["acknowledged before"] == 200 and whole.evidence["begun after"] == 59
    assert whole.evidence["backup took (s)"] == 2


@pytest.mark.parametrize("overlapping", [range(200), range(240)])
def test_what_overlaps_the_backup_may_be_there_or_not(overlapping: range) -> None:
    assert contents(*restored(overlapping)).outcome is PASS


@pytest.mark.parametrize(
    ("rows", "figure"), [(range(199), 1), (range(180), 20), (range(1, 220), 1), (range(242), 1), (range(250), 9)]
)
def test_each_row_that_is_missing_or_too_new_is_counted(rows: range, figure: int) -> None:
    wrong = contents(*restored(rows))
    assert (wrong.outcome, wrong.figure) == (FAIL, figure), wrong.reason


def test_a_backup_with_nothing_in_it_lacks_everything() -> None:
    """That nothing was read of it is no misspelt name."""
    steps = step("take incremental", BEGIN_S, END_S), step("read restored incremental", READ_S, READ_S + 1)
    names = {"backup": "take incremental", "restored": "read restored incremental", "via": "restored incremental"}
    empty = found(histories.recording(*writes(), *steps), "restored_writes", **names)
    assert (empty.outcome, empty.figure) == (FAIL, 200), empty.reason


def test_rows_that_are_there_twice_or_were_never_written() -> None:
    doubled = contents(*restored(range(100)), *restored(range(100, 103), copies=2), *restored(range(103, 220)))
    assert (doubled.outcome, doubled.figure) == (FAIL, 3)
    foreign = Operation("nobody's", "s", READ, 1, READ_S, READ_S, "restored dump")
    assert contents(*restored(WHOLE), foreign).outcome is FAIL


def test_rows_with_another_value_are_not_what_was_written() -> None:
    changed = contents(*restored(range(5), copies=0), *restored(range(5, 220)))
    assert (changed.outcome, changed.figure) == (FAIL, 5)


def test_nothing_restored_and_nothing_at_risk_is_no_pass() -> None:
    assert contents(*restored(WHOLE), steps=STEPS[:1]).outcome is INCONCLUSIVE
    failed = step("take dump", BEGIN_S, None, "disk full")
    assert contents(*restored(WHOLE), steps=(failed, STEPS[1])).outcome is INCONCLUSIVE
    early = (each for each in writes(until_s=8))
    run = histories.recording(*early, *STEPS, *restored(range(160)))
    assert found(run, "restored_writes").outcome is INCONCLUSIVE
    before_only = histories.recording(*writes(until_s=10), *STEPS, *restored(range(200)))
    alone = found(before_only, "restored_writes")
    assert alone.outcome is INCONCLUSIVE and "begun after the backup" in alone.reason


def test_clocks_that_differ_accuse_nobody() -> None:
    """The operator's clock is 0.2 s late, and says that it may be."""
    late = tuple(replace(each, invoke_s=each.invoke_s + 0.2, return_s=(each.return_s or 0) + 0.2) for each in STEPS)
    nodes = {"writers": (0.0, tuple(writes())), "operator": (0.2, (*late, *restored(WHOLE)))}
    nodes["operator"] = (0.2, (*late, *restored(range(200))))
    assert found(histories.recording(nodes=nodes), "restored_writes").outcome is PASS


def test_the_largest_error_that_a_clock_has_told_counts() -> None:
    """Its later reports know it better, which makes the earlier instants no truer."""
    late = tuple(replace(each, invoke_s=each.invoke_s + 0.2, return_s=(each.return_s or 0) + 0.2) for each in STEPS)
    run = histories.recording(nodes={"writers": (0.0, writes()), "operator": (0.2, (*late, *restored(range(200))))})
    run = replace(run, operations=(*run.operations, Operations("operator", 0.001, ())))
    assert found(run, "restored_writes").outcome is PASS


def test_steps_that_failed_or_were_not_made() -> None:
    run = histories.recording(*STEPS)
    assert found(run, "backup_steps").outcome is PASS
    assert found(run, "backup_steps", steps=("take dump",)).evidence["take dump (bytes)"] == 1000
    missing = found(run, "backup_steps", steps=("take dump", "find damage"))
    assert missing.outcome is INCONCLUSIVE and "not made: find damage" in missing.reason
    failed = found(histories.recording(*STEPS, step("find damage", 30, None, "damage was not found")), "backup_steps")
    assert (failed.outcome, failed.figure) == (FAIL, 1) and "damage was not found" in failed.reason
    assert found(histories.recording(*writes()), "backup_steps").outcome is INCONCLUSIVE


def costing(during_ms: float, before_ms: float = 20, after_ms: float | None = None, per_s: int = 50) -> Recording:
    """A backup of 2 s, from 10 s on."""
    after_ms = before_ms if after_ms is None else after_ms
    slices = []
    for t in range(60):
        ms = before_ms if t < BEGIN_S else during_ms if t < END_S else after_ms
        slices.append(Slice(t, "local", "POST /ledger", OK, per_s, 0, {bucket_index(round(ms * 1000)): per_s}))
    return replace(histories.recording(*STEPS), slices=tuple(slices))


@pytest.mark.parametrize(("during_ms", "outcome"), [(510, PASS), (530, FAIL), (20, PASS)])
def test_what_a_backup_costs(during_ms: float, outcome: Outcome) -> None:
    """Half a second more is what users may wait by default."""
    cost = found(costing(during_ms), "backup_cost")
    assert cost.outcome is outcome, cost.reason
    assert cost.figure == pytest.approx((during_ms - 20) / 1000, rel=0.03, abs=0.001)
    assert cost.evidence == {"seconds of the backup": 2, "requests in them": 100}


def test_what_came_after_the_backup_was_not_its_doing() -> None:
    assert found(costing(during_ms=20, after_ms=900), "backup_cost").outcome is PASS


def test_a_step_that_failed_was_under_way_until_the_next_one() -> None:
    failed = step("take physical", BEGIN_S, None, "no room")
    run = replace(costing(600), operations=histories.recording(failed, step("list", END_S, END_S + 1)).operations)
    assert found(run, "backup_cost").evidence["seconds of the backup"] == 2


def test_without_a_backup_or_with_too_few_requests_nothing_is_said() -> None:
    unmade = replace(costing(600), operations=())
    alone = found(unmade, "backup_cost", remedy="name a command")
    assert alone.outcome is INCONCLUSIVE and alone.reason.endswith("name a command")
    few = found(costing(600, per_s=1), "backup_cost")
    assert few.outcome is INCONCLUSIVE and "2 s in which a backup was taken" in few.reason


def test_a_backup_that_is_short_in_a_long_phase_costs_what_it_costs() -> None:
    """Two seconds in which all wait, of ten in the phase."""
    whole = costing(during_ms=20)
    stalled = tuple(
        replace(piece, latency={bucket_index(1_500_000): 50}) if 10 <= piece.t < 12 else piece for piece in whole.slices
    )
    assert found(replace(whole, slices=stalled), "backup_cost").outcome is FAIL
    calm = tuple(
        replace(piece, latency={bucket_index(1_500_000): 50}) if piece.t >= 13 else piece for piece in whole.slices
    )
    assert found(replace(whole, slices=calm), "backup_cost").outcome is PASS
    untaken = replace(costing(during_ms=20), operations=())
    assert "no backup was taken" in found(untaken, "backup_cost").reason


def test_no_requests_have_no_cost() -> None:
    silent = found(histories.recording(*STEPS), "backup_cost")
    why = "of the 2 s in which a backup was taken: no requests in the backup, so there is nothing to judge"
    assert (silent.outcome, silent.reason) == (INCONCLUSIVE, why)


@pytest.mark.parametrize(("quantile", "told"), [(0.95, "p95"), (0.5, "p50"), (0.999, "p99.9")])
def test_the_cost_says_of_which_quantile_it_is(quantile: float, told: str) -> None:
    cost = found(costing(510, per_s=5000), "backup_cost", quantile=quantile)
    assert cost.title == f"{told} latency while a backup is taken, beyond that before"
    assert cost.reason.startswith(f"{told} is 510 ms in the 2 s")


@pytest.mark.parametrize(("until_s", "outcome"), [(9.5, PASS), (9.06, PASS), (8.94, INCONCLUSIVE), (8.5, INCONCLUSIVE)])
def test_a_write_of_the_last_second_before_the_backup_has_to_be_in_it(until_s: float, outcome: Outcome) -> None:
    """One begins each 50 ms and is acknowledged 10 ms later; the backup begins at 10 s."""
    made = [each for each in writes() if each.invoke_s < until_s or each.invoke_s > END_S]
    rows = [int(each.key.removeprefix("row-")) for each in made if each.invoke_s < until_s]
    run = histories.recording(*made, *STEPS, *restored(range(max(rows) + 1)))
    assert found(run, "restored_writes").outcome is outcome


def test_a_row_that_was_acknowledged_twice_was_there_from_the_first_time_on() -> None:
    """Before the backup began, and again after it had ended: it has to be in it."""
    again = Operation("row-0", "s", WRITE, 2, 13.0, 13.01, "ledger")
    lacking = found(histories.recording(*writes(), again, *STEPS, *restored(range(1, 220))), "restored_writes")
    assert (lacking.outcome, lacking.figure) == (FAIL, 1)
    assert lacking.evidence["missing 1"] == "row-0, acknowledged 9.99 s before"


@pytest.mark.parametrize(
    ("acknowledged_s", "begun_s", "near", "after"),
    [(9.0, 12.01, 1, 1), (8.99, 12.01, 0, 1), (9.99, 12.0, 1, 0), (10.0, 12.01, 0, 1), (9.0, 12.0, 1, 0)],
)
def test_a_write_shortly_before_a_backup_and_one_after_it_could_be_wrong(
    acknowledged_s: float, begun_s: float, near: int, after: int
) -> None:
    """From 10 s to 12 s, and a second is shortly: both ends of the backup are in it."""
    wrote = [
        Operation("old", "s", WRITE, 1, 1.0, acknowledged_s, "ledger"),
        Operation("new", "s", WRITE, 1, begun_s, 14.0, "ledger"),
    ]
    here = restored_keys("old", "new") if not after else restored_keys("old")
    told = found(histories.recording(*wrote, *here, *STEPS), "restored_writes")
    assert told.evidence["begun after"] == after
    assert (told.outcome is PASS) is bool(near and after and acknowledged_s < 10)
    assert ("none was acknowledged in the 1 s before the backup" in told.reason) is (not near)


def restored_keys(*keys: str) -> list[Operation]:
    return [Operation(key, "s", READ, 1, READ_S, READ_S, "restored dump") for key in keys]


@pytest.mark.parametrize(
    ("patterns", "seconds"),
    [
        *((("take *",), [10, 11]), (("find *",), [12]), (("find *", "take *"), [10, 11, 12])),
        *((("none",), []), (("last",), [14, 15, 16, 17, 18, 19])),
    ],
)
def test_the_seconds_of_steps_are_those_of_any_pattern(patterns: tuple[str, ...], seconds: list[int]) -> None:
    """One without an end lasts until the next begins, or as long as the load."""
    steps = [step("take dump", 10.5, 11.5), step("find damage", 12.0, None), step("list", 13.0, 13.5)]
    steps.append(step("last", 14.0, None))
    run = histories.recording(*steps)
    run = replace(run, header=replace(run.header, phases=(Phase("baseline", 0, 20),)))
    assert seconds_of(run, patterns) == seconds


def test_the_seconds_of_a_step_that_was_tried_twice_are_those_of_both_tries() -> None:
    run = histories.recording(step("take dump", 2, None, "no space"), step("list", 4, 5), step("take dump", 10.5, 11.5))
    assert seconds_of(run, ("take *",)) == [2, 3, 10, 11]


def restoring(took_s: float, *, read_s: float = 1.0, begun_s: float = 30.0) -> tuple[Operation, ...]:
    restored_s = begun_s + took_s
    read = step("read restored dump", restored_s, restored_s + read_s, size=200)
    return step("take dump", BEGIN_S, END_S, size=1000), step("restore dump", begun_s, restored_s), read


@pytest.mark.parametrize(("took_s", "outcome"), [(58.9, PASS), (59.1, FAIL)])
def test_a_restore_takes_until_its_rows_can_be_read(took_s: float, outcome: Outcome) -> None:
    took = found(histories.recording(*restoring(took_s)), "restore_time")
    assert (took.outcome, took.figure, took.limit) == (outcome, pytest.approx(took_s + 1), 60)
    assert took.interval == (took.figure, took.figure)
    assert took.evidence == {"restoring (s)": took_s, "reading (s)": 1.0, "backup (bytes)": 1000, "rows read": 200}
    assert took.reason.startswith("the rows of the backup could be read ")


def test_what_was_not_restored_or_not_read_took_no_time() -> None:
    taken, restored, read = restoring(2)
    unread = found(histories.recording(taken, restored), "restore_time", remedy="give a command")
    assert unread.outcome is INCONCLUSIVE
    assert (
        unread.reason == "the step 'read restored dump' was not made, so nobody knows how long it takes: give a command"
    )
    failed = found(histories.recording(taken, step("restore dump", 30, None, "no space"), read), "restore_time")
    assert failed.outcome is INCONCLUSIVE and "'restore dump' failed (no space)" in failed.reason
    early = step("read restored dump", 29, 31)
    assert "it read something else" in found(histories.recording(taken, restored, early), "restore_time").reason


@pytest.mark.parametrize(("limit_s", "outcome"), [(60, FAIL), (71.5, PASS)])
def test_a_restore_that_failed_first_takes_from_its_first_try_on(limit_s: float, outcome: Outcome) -> None:
    """Begun at 20 s, and once more at 70 s, which succeeds at 90 s: who waits for the database waits for 71 s."""
    failed, again = step("restore dump", 20, None, "no space"), step("restore dump", 70, 90)
    read = step("read restored dump", 90, 91, size=200)
    took = found(histories.recording(failed, again, read), "restore_time", limit_s=limit_s)
    assert (took.outcome, took.figure, took.evidence["tries"]) == (outcome, 71, 2)
    assert "could be read 71 s after its restoring began, which was tried 2 times, limit" in took.reason
    read_twice = step("read restored dump", 40, None, "no rows"), step("restore dump", 20, 30)
    assert found(histories.recording(*read_twice, again, read), "restore_time", limit_s=100.0).figure == 71


def test_of_two_restorings_the_longest_counts_and_each_from_its_own_beginning() -> None:
    late = [step("restore dump", 200, 205), step("read restored dump", 205, 206, size=200)]
    took = found(histories.recording(*restoring(20), *late), "restore_time")
    assert (took.figure, took.evidence["restoring (s)"], "tries" in took.evidence) == (21, 20, False)
    unread = found(histories.recording(*restoring(20), late[0]), "restore_time")
    assert unread.outcome is INCONCLUSIVE and "it read something else" in unread.reason


@pytest.mark.parametrize(("rows", "why"), [(0, "has found none"), (None, "does not say how many it has found")])
def test_a_restored_database_without_rows_is_not_restored(rows: int | None, why: str) -> None:
    taken, restored, _ = restoring(2)
    empty = histories.recording(taken, restored, step("read restored dump", 32, 33, size=rows))
    took = found(empty, "restore_time")
    assert (took.outcome, took.figure) == (INCONCLUSIVE, 3) and why in took.reason
    assert found(empty, "restore_time", limit_s=2.5).outcome is FAIL, "too long, whatever was found"


def test_a_restored_database_that_lacks_rows_has_no_restore_time_to_pass_with() -> None:
    run = histories.recording(*writes(), *restoring(2), *restored(range(100)))
    judged = {
        each.kind: each
        for each in judge(run, [CriterionSpec("restored_writes"), CriterionSpec("restore_time")]).findings
    }
    assert judged["restored_writes"].outcome is FAIL
    assert judged["restore_time"].outcome is INCONCLUSIVE and "follows restored_writes" in judged["restore_time"].reason
