"""What of a recording says something about the target, and what of it was delivered."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from harness.analysis import phases
from harness.criteria import load
from harness.criteria.guards._delivery import deliveries
from harness.findings import ALL, Outcome
from harness.recording import CriterionSpec, End, Recording, Slice
from harness.recording_values import CENSORED, INTERRUPTED, ITERATION, OK, UNFINISHED, UNSENT, UNSERVED
from tests.recordings import CANARY, healthy

COMPLETED = End(92, "completed", True, 3, 1)
STOPPED = End(50, "interrupted", False, 3, 1)


def recorded(end: End | None, **counts: int) -> Recording:
    """1,000 arrivals a second are planned; so many of each outcome are due in the second of the spike."""
    run = healthy()
    header = dataclasses.replace(run.header, gates=(), level_unit="starts/s", level=((0, 1000), (91, 1000)))
    outcomes = {"ok": OK, "unfinished": UNFINISHED, "unsent": UNSENT, "unserved": UNSERVED, "refused": "http 503"}
    outcomes["interrupted"] = INTERRUPTED
    parts = tuple(
        Slice(30, "w", CANARY, outcomes[name], count, 0, {1000: count} if name == "ok" else {})
        for name, count in counts.items()
    )
    return dataclasses.replace(run, header=header, slices=parts, end=end)


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (COMPLETED, {OK: 5, UNFINISHED: 4, UNSERVED: 2, "http 503": 1}),
        (STOPPED, {OK: 5, CENSORED: 6, "http 503": 1}),
        (None, {OK: 5, CENSORED: 6, "http 503": 1}),
    ],
    ids=["completed", "stopped", "killed"],
)
def test_what_had_no_answer_is_unknown_when_the_run_was_cut_off_and_failed_when_it_was_not(
    end: End | None, kept: object
) -> None:
    """So are arrivals without a user. An iteration without a request, or cut off by us, says nothing."""
    run = phases.settled(recorded(end, ok=5, unfinished=4, unserved=2, unsent=3, interrupted=6, refused=1))
    counts: Counter[str] = Counter()
    for piece in run.slices:
        counts[piece.outcome] += piece.count
    assert counts == kept
    tally = phases.of_phase(run, run.header.phases[1])
    assert (tally.intended, tally.ok, tally.failed + tally.unknown) == (12, 5, 7)


@pytest.mark.parametrize(("end", "expected"), [(COMPLETED, Outcome.FAIL), (STOPPED, Outcome.INCONCLUSIVE)])
def test_the_error_ratio_goes_from_none_of_what_is_unknown_to_all_of_it(end: End, expected: Outcome) -> None:
    found = load(CriterionSpec("error_ratio", {})).judge(recorded(end, ok=900, unfinished=100))
    assert found.outcome is expected


@pytest.mark.parametrize(
    ("pattern", "failed", "unknown"), [("", 5, 0), ("*", 5, 0), ("GET /a", 0, 5), ("GET /b", 0, 5)]
)
def test_what_had_no_answer_and_no_name_is_counted_once_whatever_is_picked(
    pattern: str, failed: int, unknown: int
) -> None:
    """It is of everything, and may be of any name."""
    slices = Slice(30, "w", "GET /a", OK, 7, 0, {1000: 7}), Slice(30, "w", ITERATION, UNSERVED, 5, 0, {})
    run = phases.judged(dataclasses.replace(recorded(COMPLETED), slices=slices), pattern)
    tally = phases.of_phase(run, run.header.phases[1])
    assert (tally.failed, tally.unknown) == (failed, unknown)
    assert tally.intended == 5 + (0 if pattern == "GET /b" else 7)


def test_an_iteration_without_a_request_is_not_delivered() -> None:
    """Nor is an arrival that found no user, or whose user we stopped; a request that failed, or has no answer, is."""
    run = recorded(COMPLETED, ok=500, unsent=100, interrupted=100, unserved=100, unfinished=150, refused=50)
    (found,) = deliveries(run, run.header.phases[1])
    assert (found.planned, found.delivered, found.ratio) == (1000, 700, 0.7)


def test_a_spike_of_iterations_without_requests_voids_everything() -> None:
    found = load(CriterionSpec("spike_delivered", {})).judge(recorded(COMPLETED, ok=900, unsent=100))
    assert (found.outcome, found.figure, found.voids) == (Outcome.INCONCLUSIVE, 0.9, ALL)


def test_from_the_send_a_reconnection_still_counts_from_the_loss() -> None:
    """13.8 s away, and the attempt that succeeded took a millisecond: that is no PASS of a limit of 3 s."""
    away = Slice(30, "w", "WS /feed reconnect", OK, 9, 0, {13_800: 9}, {1: 9})
    late = Slice(30, "w", "GET /", OK, 9, 0, {13_800: 9}, {1: 9})
    run = dataclasses.replace(healthy(), slices=(away, late))
    assert [each.latency for each in phases.from_the_send(run).slices] == [away.latency, late.service]
