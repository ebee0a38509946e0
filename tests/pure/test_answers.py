"""Answers by the second in which they came: evenly from the second of their start on, or from a gate's instant."""

from __future__ import annotations

import dataclasses

import pytest

from harness.analysis.answers import answers
from harness.analysis.histogram import bucket_index
from harness.recording import Recording, Slice
from harness.recording.marks import GateMark
from harness.recording.values import OK
from tests.recordings import healthy, login_herd


def piece(t: int, count: int, latency_s: float, outcome: str = OK, node: str = "w") -> Slice:
    return Slice(t, node, "GET /", outcome, count, 0, {bucket_index(round(latency_s * 1e6)): count})


def run(*slices: Slice, gates: tuple[GateMark, ...] = ()) -> Recording:
    return dataclasses.replace(healthy(), slices=slices, marks=gates)


def gate(t: float, sent: int, node: str = "w") -> GateMark:
    return GateMark(t, node, "herd", sent, (0,) * sent, 0.0)


def told(recording: Recording) -> tuple[dict[int, float], dict[int, float]]:
    found = answers(recording)
    seconds = found.t.tolist()
    ok, failed = (
        {t: count for t, count in zip(seconds, row.tolist(), strict=True) if count} for row in (found.ok, found.failed)
    )
    return ok, failed


@pytest.mark.parametrize(
    ("latency_s", "came"),
    [(0.25, {10: 3, 11: 1}), (0.5, {10: 2, 11: 2}), (1.25, {11: 3, 12: 1}), (7.75, {17: 1, 18: 3})],
)
def test_an_answer_is_shared_by_the_seconds_in_which_it_may_have_come(latency_s: float, came: dict[int, float]) -> None:
    """Four that began at any instant of second 10 came as evenly in as long a time, so much later."""
    ok, failed = told(run(piece(10, 4, latency_s)))
    assert ok == pytest.approx(came, abs=0.02)
    assert failed == {}
    ok, failed = told(run(piece(10, 4, latency_s, "http 500")))
    assert (ok, failed) == ({}, pytest.approx(came, abs=0.02))


def test_both_kinds_are_counted_over_the_same_seconds() -> None:
    found = answers(run(piece(10, 4, 0.5), piece(13, 2, 2.5, "timeout")))
    assert found.t.tolist() == [10, 11, 12, 13, 14, 15, 16]
    assert found.ok.tolist() == pytest.approx([2, 2, 0, 0, 0, 0, 0], abs=0.02)
    assert found.failed.tolist() == pytest.approx([0, 0, 0, 0, 0, 1, 1], abs=0.02)


def test_what_a_gate_released_is_known_to_the_instant() -> None:
    """At 10.5 s; 0.2 s later is still second 10, 0.8 s later is second 11, and so is a failed one."""
    gates = (gate(10.5, 6),)
    ok, failed = told(run(piece(10, 2, 0.2), piece(10, 3, 0.8), piece(10, 1, 0.9, "http 500"), gates=gates))
    assert (ok, failed) == ({10: 2, 11: 3}, {11: 1})


def test_beside_a_gate_each_has_its_share() -> None:
    """Three of four in the second were released at 10.0 s and came at once; the fourth began any time in it."""
    ok, _ = told(run(piece(10, 4, 0.5), gates=(gate(10.0, 3),)))
    assert ok == pytest.approx({10: 3.5, 11: 0.5}, abs=0.02)
    # Of two slices of that second each has the same share.
    ok, _ = told(run(piece(10, 2, 0.5), piece(10, 2, 0.5, "http 500"), gates=(gate(10.0, 2),)))
    assert ok == pytest.approx({10: 1.5, 11: 0.5}, abs=0.02)


def test_a_gate_releases_its_own_node_in_its_own_second() -> None:
    for other in (gate(10.0, 4, "another"), gate(11.0, 4)):
        ok, _ = told(run(piece(10, 4, 0.5), gates=(other,)))
        assert ok == pytest.approx({10: 2, 11: 2}, abs=0.02)


def test_two_gates_in_a_second_release_their_sum() -> None:
    ok, _ = told(run(piece(10, 4, 0.4), gates=(gate(10.1, 2), gate(10.5, 2))))
    assert ok == {10: 4}


def test_a_gate_that_sent_more_than_was_recorded_is_all_of_it() -> None:
    ok, _ = told(run(piece(10, 2, 0.4), gates=(gate(10.0, 9),)))
    assert ok == {10: 2}


def test_nothing_is_lost() -> None:
    for recording in (healthy(), login_herd(spike_error_ratio=0.3, nodes=1)):
        found = answers(recording)
        answered = {True: 0, False: 0}
        for each in recording.slices:
            answered[each.outcome == OK] += sum(each.latency.values())
        assert found.ok.sum() == pytest.approx(answered[True])
        assert found.failed.sum() == pytest.approx(answered[False])


def test_without_an_answer_there_is_no_second() -> None:
    found = answers(run(Slice(10, "w", "GET /", "unfinished", 5, 0, {})))
    assert (found.t.tolist(), found.ok.tolist(), found.failed.tolist()) == ([], [], [])
