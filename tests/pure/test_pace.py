"""Users of a closed model who wait, or stay away, ask nothing that would be bad: that they ask less is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.histogram import bucket_index
from harness.criteria.recovery._pace import pace_kept
from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import Outcome
from harness.recording import Recording, Slice
from harness.recording.header import STARTS_PER_S, Phase, PlannedClass, PlannedGate
from harness.recording.values import OK
from tests.recordings import healthy

BASELINE, LAST = Phase("baseline", 0, 30), Phase("recovery", 40, 70)
USUAL_MS = 50


def closed(answers_per_s: int, latency_ms: int = USUAL_MS, users: int = 10, waiting: bool = False) -> Recording:
    """Ten users with 100 answers/s, and after the spike ``users`` with so many. ``waiting``: once in 12 s somebody gets
    a good one who has waited for 30 s.
    """
    phases = (BASELINE, Phase("spike", 30, 40), LAST)
    level = ((0.0, 10.0), (30.0, 10.0), (30.0, 50.0), (40.0, 50.0), (40.0, float(users)), (70.0, float(users)))
    header = replace(healthy().header, phases=phases, level=level, level_unit="users", gates=())
    of_second = [(t, 100, USUAL_MS) for t in range(40)]
    of_second += [(t, answers_per_s, latency_ms) for t in range(40, 70)]
    # One more in every other second, so that the windows differ.
    counts = [(t, count + t % 2, bucket_index(ms * 1000)) for t, count, ms in of_second]
    pieces = tuple(Slice(t, "w", "GET /", OK, count, 180 * count, {index: count}) for t, count, index in counts)
    late = {bucket_index(30_000_000): 1}
    pieces += tuple(Slice(t, "w", "GET /", OK, 1, 180, late) for t in range(40, 70, 12) if waiting)
    return replace(healthy(), header=header, slices=pieces)


@pytest.mark.parametrize(
    ("recording", "ratio"),
    [
        (closed(74), 0.74),  # a quarter of the users waits
        (closed(74, waiting=True), 0.74),  # and gets an answer in the end, which is no excuse
        (closed(88), 0.88),
        (closed(91), None),  # a tenth may
        (closed(148, users=20), 0.74),
        (closed(182, users=20), None),
        # 0.1 s for each answer of a user; where one takes 50 ms longer, 0.15 s, and 67 in a second are all of them.
        (closed(67, latency_ms=100), None),
        (closed(57, latency_ms=100), 0.86),
        (closed(74, latency_ms=10), 0.74),
        (closed(74, users=0), None),  # nobody was to ask
    ],
)
def test_fewer_answers_than_the_users_would_get_at_their_latency_are_told(
    recording: Recording, ratio: float | None
) -> None:
    found = pace_kept(recording, 1, BASELINE, LAST, 0.15)
    assert found == (None if ratio is None else pytest.approx(ratio, abs=0.01))


def test_where_arrivals_or_other_levels_set_the_pace_there_is_none_of_users() -> None:
    slow = closed(74)
    for header in (
        replace(slow.header, level_unit=STARTS_PER_S),
        replace(slow.header, gates=(PlannedGate("herd", 30, 10),)),
        replace(slow.header, classes=(PlannedClass("A", 5, slow.header.level), PlannedClass("B", 5, ((0, 5),)))),
        replace(slow.header, level=()),
    ):
        assert pace_kept(replace(slow, header=header), 1, BASELINE, LAST, 0.15) is None


def test_a_service_of_which_a_quarter_of_the_users_has_nothing_is_no_pass() -> None:
    """They wait for half a minute each time, so nearly all requests are those of the others, and good."""
    assert RecoveryTime().judge(closed(100)).outcome is Outcome.PASS
    for waiting in (False, True):
        found = RecoveryTime().judge(closed(74, waiting=waiting))
        assert (found.outcome, "% as many good answers" in found.reason) == (Outcome.INCONCLUSIVE, True)
