"""The steps of a backup, what it cost, and what is in it: instants and sentences that are worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness import criteria
from harness.analysis.histogram import bucket_index
from harness.criteria.backup import backup_cost
from harness.criteria.backup._steps import seconds_of, steps_of
from harness.criteria.backup.backup_cost import _only
from harness.criteria.requests.latency_quantile import LatencyQuantile
from harness.findings import Finding, Outcome
from harness.recording import READ, STEP, WRITE, CriterionSpec, Operation, Recording, Slice
from harness.recording.header import Phase
from harness.recording.marks import GateMark, HealthMark
from harness.recording.values import OK
from tests.histories import recording

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def step(key: str, begin_s: float, end_s: float | None, why: str = "", size: int | None = None) -> Operation:
    return Operation(key, "s", STEP, size, begin_s, end_s, "backup", "", why)


def judged(criterion: str, run: Recording, **parameters: object) -> Finding:
    spec = CriterionSpec(criterion, parameters)  # type: ignore[arg-type]
    return criteria.load(spec).judge(run)


@pytest.mark.parametrize(
    ("tries", "last_s"),
    [([(1.0, 2.0), (3.0, 4.0)], 4.0), ([(3.0, 4.0), (1.0, 2.0)], 4.0), ([(1.0, 2.0), (1.0, 3.0)], 3.0)],
)
def test_of_a_step_that_was_tried_twice_the_last_try_counts(tries: list[tuple[float, float]], last_s: float) -> None:
    other = Operation("take", "s", WRITE, 1, 9.0, 9.5, "backup")
    found = steps_of(recording(*(step("take", *each) for each in tries), other))
    assert {name: each.return_s for name, each in found.items()} == {"take": last_s}


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [
        ([step("take", 3.0, 5.0)], [3, 4]),
        ([step("take", 3.9, 5.1)], [3, 4, 5]),
        ([step("take", 8.5, None)], [8, 9]),  # the load ends at 10 s
        ([step("take", 3.0, None), step("list", 5.5, 6.0)], [3, 4, 5]),
        ([step("list", 5.0, 6.0), step("take", 7.0, None), step("find", 9.0, 9.5), step("go", 8.0, 8.5)], [7]),
        ([step("take", -2.0, 1.5)], [0, 1]),
        ([step("take", 9.5, 20.0)], [9]),
        ([step("take", 10.0, 20.0)], []),
    ],
)
def test_a_step_is_under_way_in_the_seconds_that_it_touches(steps: list[Operation], seconds: list[int]) -> None:
    run = recording(*steps)
    run = replace(run, header=replace(run.header, phases=(Phase("baseline", 0, 6), Phase("spike", 6, 10))))
    assert seconds_of(run, ("take",)) == seconds
    assert seconds_of(run, ()) == []


def test_steps_are_told_with_their_sizes_and_how_long_they_took() -> None:
    made = [step("take", 1.0, 3.5, size=1000), step("list", 4.0, 4.25), step("find", 5.0, None, "not there")]
    found = judged("backup_steps", recording(*made, step("check", 6.0, None)), limit=2.0)
    assert (found.outcome, found.figure, found.interval) == (PASS, 2, (2, 2))
    assert found.reason == "2 of 4 steps failed, limit 2: find: not there; check: no end"
    assert dict(found.evidence) == {"take took": "2.5 s", "list took": "250 ms", "take (bytes)": 1000}
    missing = judged("backup_steps", recording(*made), limit=1.0, steps=("take", "show", "drop"))
    assert (missing.outcome, missing.figure, missing.interval) == (INCONCLUSIVE, 1, (1, 3))
    assert missing.reason == (
        "1 of 3 steps failed, limit 1: find: not there; not made: show, drop; a longer phase would leave time for them"
    )
    failed = judged("backup_steps", recording(*made), steps=("show",))
    assert (failed.outcome, failed.reason) == (FAIL, "1 of 3 steps failed, limit 0: find: not there; not made: show")
    none = judged("backup_steps", recording(), remedy="take one")
    reason = "no step of a backup was made: users keep them with self.operation(STEP, …): take one"
    assert (none.outcome, none.reason) == (INCONCLUSIVE, reason)


def waited(t: int, *ms: int) -> Slice:
    """Requests of a second that took so long each."""
    counts: dict[int, int] = {}
    for each in ms:
        counts[bucket_index(each * 1000)] = counts.get(bucket_index(each * 1000), 0) + 1
    return Slice(t, "local", "POST /ledger", OK, len(ms), 0, counts)


def test_the_cost_of_a_backup_lies_between_the_ends_of_both_quantiles() -> None:
    """Half of those in the two seconds of the backup wait for 900 ms, and the others for 100; before, 20 and 40 ms."""
    before = [waited(t, *[20] * 50, *[40] * 50) for t in range(10)]
    during = [waited(t, *[100] * 50, *[900] * 50) for t in (10, 11)]
    run = replace(recording(step("take dump", 10.0, 12.0)), slices=(*before, *during, waited(12, *[5000] * 100)))
    found = judged("backup_cost", run, quantile=0.5, limit_s=0.5)
    assert found.interval == pytest.approx((0.1 - 0.04, 0.9 - 0.02), rel=0.02)
    assert found.outcome is INCONCLUSIVE and found.reason.endswith("; more requests in both would settle it")
    assert dict(found.evidence) == {"seconds of the backup": 2, "requests in them": 200}
    assert found.figure is not None and found.interval is not None
    assert found.interval[0] <= found.figure <= found.interval[1]
    assert judged("backup_cost", run, quantile=0.5, limit_s=0.05).outcome is FAIL
    assert judged("backup_cost", run, quantile=0.5, limit_s=0.95).outcome is PASS
    absent = judged("backup_cost", run, before="calm")
    assert absent.reason == "the run has no phase 'calm'; its phases are baseline, spike, recovery"
    untaken = judged("backup_cost", run, steps=("copy",), remedy="take one")
    reason = "no backup was taken: users keep its steps with self.operation(STEP, …): take one"
    assert (untaken.outcome, untaken.reason) == (INCONCLUSIVE, reason)


def test_the_seconds_of_a_backup_are_looked_at_in_a_row_and_as_no_herd() -> None:
    whole = replace(
        recording(),
        slices=tuple(waited(t, 20 + t) for t in (9, 10, 12, 14)),
        marks=(GateMark(10, "local", "herd", 1, (0,), 0.0), HealthMark(11, "before", "GET /", True, "")),
    )
    only = _only(whole, [10, 11, 14])
    assert [(piece.t, piece.latency) for piece in only.slices] == [
        (place, waited(t, 20 + t).latency) for place, t in ((0, 10), (2, 14))
    ]
    assert only.header.phases == (Phase("backup", 0, 3),)
    assert [mark.t for mark in only.marks] == [11]


def test_what_is_told_of_a_restored_backup() -> None:
    """From 10 s to 12.5 s. Of five rows from before it two are missing; of three from after it one is there; one is
    there twice, and one nobody wrote.
    """
    made = [Operation(f"old{n}", "s", WRITE, 1, n, 5.0 + n, "ledger") for n in range(5)]
    made += [Operation(f"new{n}", "s", WRITE, 1, 13.0 + n, 14.0 + n, "ledger") for n in range(3)]
    there = {"old1": 1, "old2": 2, "old4": 1, "new0": 1, "foreign": 1}
    reads = [Operation(key, "s", READ, copies, 20.0, 20.0, "restored dump") for key, copies in there.items()]
    elsewhere = Operation("old0", "s", READ, 1, 20.0, 20.0, "audit")
    steps = step("take dump", 10.0, 12.5), step("read restored dump", 20.0, 21.0)
    found = judged("restored_writes", recording(*made, *reads, elsewhere, *steps))
    assert (found.outcome, found.figure, found.interval) == (FAIL, 5, (5, 5))
    assert found.title == "writes wrong or missing in the restored dump"
    assert found.reason == (
        "of 5 writes acknowledged before the backup 2 are missing or changed, of 3 begun after it 1 are there, 1 are "
        "there more than once, and 1 were never written; limit 0"
    )
    assert dict(found.evidence) == {
        "missing": 2,
        "acknowledged before": 5,
        "begun after": 3,
        "in the backup": 5,
        "backup took (s)": 2.5,
        "missing 1": "old0, acknowledged 5 s before",
        "missing 2": "old3, acknowledged 2 s before",
    }
    few = judged("restored_writes", recording(*made, *steps))
    assert [few.evidence[f"missing {n}"] for n in (1, 2, 3)] == [
        f"old{n}, acknowledged {5 - n} s before" for n in (2, 3, 4)
    ], "the youngest three"
    for absent, name in ((steps[1:], "take dump"), (steps[:1], "read restored dump")):
        open_ = judged("restored_writes", recording(*made, *reads, *absent), remedy="see its log")
        reason = f"the step {name!r} was not made, or failed, so there is nothing to compare: see its log"
        assert (open_.outcome, open_.reason) == (INCONCLUSIVE, reason)


@pytest.mark.parametrize(("confidence", "each"), [(0.95, 0.975), (0.9, 0.95)])
def test_both_quantiles_together_have_the_confidence_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, confidence: float, each: float
) -> None:
    asked: list[float] = []

    def quantile(**parameters: float) -> LatencyQuantile:
        asked.append(parameters["confidence"])
        return LatencyQuantile(**parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(backup_cost, "LatencyQuantile", quantile)
    slices = tuple(waited(t, *[20] * 100) for t in range(12))
    run = replace(recording(step("take dump", 10.0, 12.0)), slices=slices)
    assert judged("backup_cost", run, confidence=confidence).figure == 0
    assert asked == pytest.approx([each, each])
