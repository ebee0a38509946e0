"""Attempts for each request: in which stretch they were sent, and of which names."""

from __future__ import annotations

from dataclasses import replace

from harness.analysis.amplification import Amplification, between, by_phase
from harness.recording import Recording, Slice
from harness.recording.marks import AttemptsMark
from tests.recordings import healthy

RUN = healthy()


def attempts(t: float, count: int, name: str = "GET /", outcome: str = "ok") -> AttemptsMark:
    return AttemptsMark(t, "w", name, {outcome: {5: count}, "http 503": {7: 1}})


def run(*marks: AttemptsMark) -> Recording:
    slices = [Slice(t, "w", name, "ok", 10, 0, {5: 10}) for t in (29, 30, 59, 60) for name in ("GET /", "GET /other")]
    return replace(RUN, slices=tuple(slices), marks=marks)


def test_attempts_and_requests_of_a_stretch_are_those_of_the_same_names() -> None:
    recording = run(attempts(29.9, 5), attempts(30.0, 11), attempts(40.0, 20), attempts(60.0, 3))
    found = between(recording, 30, 60)
    assert found == Amplification(12 + 21, 20) and found.ratio == 33 / 20
    both = between(run(attempts(30.0, 11), attempts(31.0, 4, "GET /other")), 30, 60)
    assert both == Amplification(12 + 5, 40)


def test_nobody_tries_again_without_attempts() -> None:
    assert between(run(), 30, 60) is None and by_phase(run()) == {}
    before = between(run(attempts(5.0, 3)), 61, 70)
    assert before == Amplification(0, 0) and before.ratio is None
    # The herd of this run has its phases from 0, 30 and 31 s on.
    found = by_phase(run(attempts(30.0, 11), attempts(40.0, 20)))
    assert [found[name].attempts for name in ("baseline", "spike", "recovery")] == [0, 12, 21]
    assert [found[name].requests for name in ("baseline", "spike", "recovery")] == [10, 10, 20]
