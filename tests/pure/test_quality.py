"""Quality: how slow a good answer may be, and which requests of a window were answered within that."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest

from harness.analysis import quality
from harness.analysis.histogram import bucket_index
from harness.recording import End, Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import INTERRUPTED, OK, UNFINISHED, UNSERVED
from tests.recordings import healthy

BASELINE = Phase("baseline", 0, 30)
SLO = quality.ServiceLevel(0.1, {"GET /slow": 0.5})


def piece(t: int, latencies_ms: Sequence[float], outcome: str = OK, name: str = "GET /") -> Slice:
    latency: dict[int, int] = {}
    for each in latencies_ms:
        index = bucket_index(round(each * 1000))
        latency[index] = latency.get(index, 0) + 1
    return Slice(t, "w", name, outcome, len(latencies_ms), 0, {} if outcome == UNFINISHED else latency)


def run(*slices: Slice, completed: bool = True) -> Recording:
    end = End(60, "completed" if completed else "stopped", completed, 0, 0)
    return dataclasses.replace(healthy(), slices=slices, end=end)


@pytest.mark.parametrize(("slow", "slo_s"), [(5, 0.11), (6, 0.6)])
def test_the_slo_is_the_95th_of_a_hundred_and_the_floor(slow: int, slo_s: float) -> None:
    found = quality.service_level(run(piece(3, [10] * (100 - slow) + [500] * slow)), BASELINE, 0.1)
    assert found is not None
    assert found.overall_s == pytest.approx(slo_s, rel=1e-3)
    assert found.of("GET /") == found.overall_s


@pytest.mark.parametrize(("failed", "is_baseline"), [(5, True), (6, False), (10, False)])
def test_a_baseline_of_which_more_than_one_in_twenty_failed_is_none(failed: int, is_baseline: bool) -> None:
    sick = run(piece(3, [10] * (100 - failed)), piece(3, [1] * failed, "http 500"))
    found = quality.service_level(sick, BASELINE, 0.1)
    assert (found is not None) is is_baseline
    if found is not None:
        assert found.overall_s == pytest.approx(0.11, rel=1e-3), "the slowest answer, as those that failed are slower"


@pytest.mark.parametrize(("count", "own_s"), [(99, 1.1), (100, 0.02)])
def test_a_name_of_a_hundred_requests_has_an_slo_of_its_own(count: int, own_s: float) -> None:
    mixed = run(piece(3, [10] * count, name="GET /quick"), piece(4, [1090] * 400, name="GET /"))
    found = quality.service_level(mixed, BASELINE, 0.01)
    assert found is not None
    assert found.of("GET /quick") == pytest.approx(own_s, rel=1e-2)
    assert found.of("GET /") == pytest.approx(1.1, rel=1e-2)


def test_requests_of_other_phases_do_not_set_it() -> None:
    found = quality.service_level(run(piece(29, [10] * 100), piece(30, [900] * 1000)), BASELINE, 0.1)
    assert found is not None and found.overall_s == pytest.approx(0.11, rel=1e-3)


def test_windows_are_whole_and_count_what_was_good_in_them() -> None:
    """Five seconds hold two windows of two; the SLO of each request is that of its name."""
    recorded = run(
        piece(9, [10] * 50),
        piece(10, [10, 20, 99]),
        piece(11, [110, 400]),
        piece(11, [110, 400], name="GET /slow"),
        piece(12, [10, 20]),
        piece(13, [1, 1], "http 503"),
        piece(14, [10] * 50),
    )
    found = quality.windows(recorded, 10, 15, 2, SLO)
    assert found.window_s == 2
    assert found.start_s.tolist() == [10, 12]
    assert found.intended.tolist() == [7, 4]
    assert found.good.tolist() == [5, 2]
    assert found.bad.tolist() == [2, 2]
    assert found.quality.tolist() == [5 / 7, 0.5]
    last = found.part(slice(1, None))
    assert (last.start_s.tolist(), last.intended.tolist(), last.good.tolist()) == ([12], [4], [2])


def test_a_window_says_something_from_three_requests_on() -> None:
    found = quality.windows(run(piece(9, [10]), piece(10, [10] * 2), piece(11, [10] * 3)), 9, 13, 1, SLO)
    assert found.evident.tolist() == [False, False, True, False]
    assert found.quality[:3].tolist() == [1, 1, 1]
    assert math.isnan(found.quality[3])


@pytest.mark.parametrize(
    ("outcome", "completed", "t", "counted"),
    [
        (UNFINISHED, True, 58, 3),
        (UNFINISHED, True, 59, 0),
        (UNFINISHED, False, 58, 3),
        (UNFINISHED, False, 59, 0),
        (UNSERVED, True, 59, 3),
        (UNSERVED, False, 59, 0),
        (UNSERVED, False, 58, 3),
        (INTERRUPTED, True, 40, 0),
        ("http 500", True, 59, 3),
    ],
)
def test_what_had_not_had_its_time_proves_nothing(outcome: str, completed: bool, t: int, counted: int) -> None:
    """The run ends at 60 s. What began in second 58 has had the 0.1 s of its SLO by then, whenever in it that was."""
    waiting = dataclasses.replace(piece(t, [1] * 3, outcome), latency={})
    found = quality.windows(run(waiting, completed=completed), t, t + 1, 1, SLO)
    assert (found.intended.tolist(), found.good.tolist()) == ([counted], [0])


def test_more_time_than_the_run_had_left_is_the_time_of_the_name() -> None:
    """Half a second for one name, so that second 59 is too late for it, and 58 is not; a tenth for the others."""
    for name, slo_s, counted in (("GET /slow", 2.5, 0), ("GET /", 2.5, 3)):
        level = quality.ServiceLevel(0.1, {"GET /slow": slo_s})
        found = quality.windows(run(piece(57, [1] * 3, UNFINISHED, name)), 57, 58, 1, level)
        assert found.intended.tolist() == [counted], name


def test_no_window_fits_into_less_than_one() -> None:
    assert quality.windows(run(piece(10, [10])), 10, 11, 2, SLO).intended.tolist() == []


def test_slow_is_what_misses_the_usual_median_and_failed_what_was_answered_with_an_error() -> None:
    recorded = run(piece(10, [10, 20, 99, 400]), piece(10, [1, 1], "http 503"), piece(10, [1] * 3, UNFINISHED))
    found = quality.windows(recorded, 10, 11, 1, SLO, quality.ServiceLevel(0.05, {}))
    assert (found.intended.tolist(), found.good.tolist(), found.slow.tolist()) == ([9], [3], [7])
    assert found.failed.tolist() == [2], "what was only unfinished may still have come"
    assert quality.windows(recorded, 10, 11, 1, SLO).slow.tolist() == [6], "without a median, what misses the SLO"


@pytest.mark.parametrize(("took_us", "good"), [(1000, 1), (1001, 0)])
def test_an_answer_of_just_the_slo_is_good(took_us: int, good: int) -> None:
    found = quality.windows(run(piece(10, [took_us / 1000])), 10, 11, 1, quality.ServiceLevel(0.001, {}))
    assert found.good.tolist() == [good]


@pytest.mark.parametrize(
    ("slo_s", "took_us", "good"),
    [
        (0.1001, 100_031, 1),  # the bucket from 100,032 to 100,095 ends below it
        (0.1001, 100_090, 1),
        (0.1001, 100_096, 0),  # the next one does not, so none of it is surely good
        (0.1001, 100_170, 0),
        (2000.0, 1_990_000_000, 1),
        (2000.0, 2_100_000_000, 0),
        (3600.0, 3_599_000_000, 1),
    ],
)
def test_a_bucket_is_good_that_ends_within_the_slo(slo_s: float, took_us: int, good: int) -> None:
    found = quality.windows(run(piece(10, [took_us / 1000])), 10, 11, 1, quality.ServiceLevel(slo_s, {}))
    assert found.good.tolist() == [good]


@pytest.mark.parametrize(("usual_ms", "limit_s"), [(100, 0.2), (400, 0.5), (1000, 1.25)])
def test_the_median_may_be_longer_by_the_floor_or_a_quarter(usual_ms: float, limit_s: float) -> None:
    """The floor is 0.1 s, so that a quarter is more from 0.4 s on."""
    half = run(piece(3, [usual_ms] * 60), piece(3, [3000] * 40))
    slo, usual = quality.service_levels(half, BASELINE, 0.1)
    assert slo is not None and usual is not None
    assert (slo.of("GET /"), usual.of("GET /")) == (pytest.approx(3.1, rel=1e-3), pytest.approx(limit_s, rel=1e-3))


@pytest.mark.parametrize("begin_s", [0, 31])
def test_how_slow_a_window_is_is_the_mean_of_logarithms(begin_s: int) -> None:
    """Of 10 ms and 1 s it is that of 100 ms. What failed, or did not fit into a window, is left out."""
    recorded = run(
        *(piece(begin_s + 0, [10]), piece(begin_s + 1, [1000]), piece(begin_s + 2, [1], "http 500")),
        *(piece(begin_s + 4, [10, 10, 10]), piece(begin_s + 5, [1000] * 3), piece(begin_s + 28, [50])),
    )
    found = quality.mean_log_latency(recorded, Phase("baseline", begin_s, begin_s + 29), 2)
    assert np.exp(found).tolist() == pytest.approx([100_000, 100_000], rel=2e-3)


def test_who_waits_asks_nothing_and_counts_in_the_windows_that_nobody_asks_in() -> None:
    """Three wait for 5.1 s from second 10 on: for whole windows from 12 on, when the SLO of 0.1 s is over, to 14."""
    hung = run(*(piece(t, [10] * 3) for t in (*range(10), *range(15, 20))), piece(10, [5100] * 3))
    seen = quality.windows(hung, 0, 20, 1, SLO)
    assert seen.intended[10:16].tolist() == [3, 0, 0, 0, 0, 3]
    found = quality.with_waiting(hung, seen, SLO, most=3)
    assert found.waiting.tolist() == [0] * 12 + [3, 3, 3] + [0] * 5
    assert found.intended[10:16].tolist() == [3, 0, 3, 3, 3, 3]
    assert found.bad.tolist() == found.slow.tolist() == [0] * 10 + [3, 0, 3, 3, 3] + [0] * 5
    assert quality.with_waiting(hung, seen, SLO, most=2).waiting.max() == 2
    assert not quality.with_waiting(hung, seen, SLO, most=1).waiting.any(), "four windows of one each may be chance"


def test_who_waits_for_a_part_of_a_longer_window_does_not_count_in_it() -> None:
    """Windows of two seconds from 4 s on; three wait from 10 s to 15.1 s, and nobody asks from 12 s to 18 s."""
    hung = run(*(piece(t, [10] * 3) for t in (*range(10), 19)), piece(10, [5100] * 3))
    found = quality.with_waiting(hung, quality.windows(hung, 4, 20, 2, SLO), SLO, most=3)
    assert found.waiting.tolist() == [0] * 4 + [3, 0, 0, 0]


@pytest.mark.parametrize(("empty_s", "waits"), [(6, 0), (7, 6)])
def test_seconds_in_which_seven_requests_would_have_come_are_not_empty_by_chance(empty_s: int, waits: int) -> None:
    """One a second; e⁻⁷ is one in a thousand. In the first of them the SLO is not over yet."""
    sent = (*range(11), *range(11 + empty_s, 30))
    hung = run(*(piece(t, [10]) for t in sent), piece(10, [50_000]))
    found = quality.with_waiting(hung, quality.windows(hung, 0, 30, 1, SLO), SLO, most=1)
    assert found.waiting.sum() == waits


def test_who_has_no_answer_waits_to_the_end_and_who_has_one_soon_is_not_waiting() -> None:
    hung = run(piece(10, [5000] * 3, UNFINISHED), piece(2, [90]), piece(4, [5000], INTERRUPTED))
    seen = quality.with_waiting(hung, quality.windows(hung, 0, 20, 1, SLO), SLO, most=9)
    assert seen.waiting.tolist() == [0] * 12 + [3] * 8


def test_a_window_whose_requests_have_no_answer_yet_is_not_empty() -> None:
    """The last ones are left out, for they are young; who waits since long ago does not take their places."""
    end = [piece(t, [1] * 3, UNFINISHED) for t in range(60)]
    seen = quality.windows(run(piece(2, [1] * 3, UNFINISHED), *end), 0, 60, 1, quality.ServiceLevel(20, {}))
    assert seen.intended[-1] == 0
    found = quality.with_waiting(run(*end), seen, quality.ServiceLevel(20, {}), most=9)
    assert not found.waiting.any()


def test_beside_one_who_asks_nobody_else_counts() -> None:
    """What is asked shows how the target is; one answer that takes long may be one answer."""
    busy = run(piece(10, [5000]), *(piece(t, [10]) for t in range(20)))
    seen = quality.windows(busy, 0, 20, 1, SLO)
    assert quality.with_waiting(busy, seen, SLO, most=3) is seen
