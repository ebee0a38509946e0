"""What a queue does, from its lengths: courses from both sides of each bound, and slopes with their intervals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student

from harness.criteria.recovery._queue import Course, Queue, measure_queue
from harness.recording import ProbeSample, Recording
from harness.recording.header import Phase
from tests.recordings import healthy

RUN = healthy()
BASELINE = Phase("baseline", 0, 30)
START_S, END_S = 60, 90


def run(lengths: list[float], baseline: float = 0.0, key: str = "queue", source: str = "app") -> Recording:
    """Sampled once a second in the baseline, and from 60 s on."""
    samples = [ProbeSample(t + 0.5, "app", source, {key: baseline}) for t in range(30)]
    samples += [ProbeSample(START_S + k + 0.5, "app", source, {key: each}) for k, each in enumerate(lengths)]
    return replace(RUN, probes=tuple(samples))


def queue(lengths: list[float], baseline: float = 0.0) -> Queue:
    found = measure_queue(run(lengths, baseline), "queue", BASELINE, START_S, END_S)
    assert isinstance(found, Queue), found
    return found


def line(slope: float, start: float = 100.0) -> list[float]:
    """With a request more in each other second, which is noise around it."""
    return [start + slope * k + k % 2 for k in range(30)]


def test_a_line_has_the_slope_of_theil_and_sen() -> None:
    rising = queue(line(2))
    assert (rising.course, rising.slope_per_s) == (Course.RISING, pytest.approx(2))
    assert 1.9 < rising.slope_interval_per_s[0] <= 2 <= rising.slope_interval_per_s[1] < 2.1
    assert (rising.begins, rising.ends, rising.baseline) == (109.5, 149.5, 0)
    assert rising.empty_after_s == math.inf
    falling = queue(line(-2))
    assert falling.course is Course.FALLING and falling.empty_after_s == pytest.approx(falling.ends / 2)


@pytest.mark.parametrize(("baseline", "course"), [(49.5, Course.RISING), (50.5, Course.AS_BEFORE)])
def test_a_queue_is_as_before_when_it_ends_less_than_one_above_the_baselines_longest(
    baseline: float, course: Course
) -> None:
    """It ends with a median of 50.5; what falls falls, however short it is."""
    assert queue([10.0] * 20 + [50.5] * 10, baseline).course is not Course.RISING
    assert queue(line(0.5, 38.0), baseline).ends == pytest.approx(50.75, abs=0.3)
    assert queue(line(0.5, 38.0), baseline + 0.25).course is course
    assert queue(line(-0.5, 38.0), 1000).course is Course.FALLING


@pytest.mark.parametrize(("near", "is_full"), [(27, True), (26, False)])
def test_a_queue_is_full_when_nine_tenths_of_its_samples_are_near_to_the_largest(near: int, is_full: bool) -> None:
    """Within a twentieth: 190 of 200. The others are what was worked off for a moment, all over it."""
    low = [round(k * 30 / (30 - near)) for k in range(30 - near)]
    lengths = [100.0 if k in low else 190.0 + (k % 3) * 5 for k in range(30)]
    assert (queue(lengths).course is Course.FULL) is is_full
    assert queue([each - 1 if each == 190 else each for each in lengths]).course is not Course.FULL


def test_a_short_queue_is_full_within_one_of_its_bound() -> None:
    assert queue([9.0 + k % 2 for k in range(30)]).course is Course.FULL
    assert queue([8.9 + 1.1 * (k % 2) for k in range(30)]).course is not Course.FULL


def test_a_queue_that_wanders_has_the_interval_of_its_changes() -> None:
    """Neighbours alike: the mean change of blocks of three seconds, by Student's t, and what Theil and Sen say."""
    lengths = (500 + 30 * np.sin(np.arange(30) / 4)).tolist()
    found = queue(lengths)
    changes = np.diff(lengths[::3]) / 3
    margin = float(student.ppf(0.975, len(changes) - 1)) * float(np.std(changes, ddof=1)) / math.sqrt(len(changes))
    low, high = found.slope_interval_per_s
    assert low <= changes.mean() - margin + 1e-9 and high >= changes.mean() + margin - 1e-9
    assert low == pytest.approx(changes.mean() - margin) or high == pytest.approx(changes.mean() + margin)


@pytest.mark.parametrize(("sway", "course"), [(30.0, Course.STANDING), (150.0, Course.UNCLEAR)])
def test_a_queue_stands_where_its_fastest_fall_would_take_off_a_tenth_at_most(sway: float, course: Course) -> None:
    lengths = [500 + sway * (1, -1, 0.4, -0.7, 0.1)[k % 5] for k in range(30)]
    found = queue(lengths)
    assert found.course is course
    assert (-found.slope_interval_per_s[0] * 30 <= 0.1 * found.ends) is (course is Course.STANDING)


@pytest.mark.parametrize(("read", "is_known"), [(24, False), (25, True)])
def test_nine_tenths_of_the_seconds_have_to_be_known(read: int, is_known: bool) -> None:
    """A value holds for two seconds more: 25 and 2 are 27 of 30."""
    found = measure_queue(run([500.0] * read), "queue", BASELINE, START_S, END_S)
    assert isinstance(found, Queue) is is_known
    if not is_known:
        assert found == "queue was read in 26 of the last 30 s and in 30 s of the baseline"


def test_a_queue_that_was_not_read_in_the_baseline_cannot_be_compared() -> None:
    late = replace(RUN, probes=tuple(each for each in run([500.0] * 30).probes if each.t >= START_S))
    assert "and in 0 s of the baseline" in str(measure_queue(late, "queue", BASELINE, START_S, END_S))


def test_a_few_values_have_no_slope() -> None:
    found = measure_queue(run([500.0] * 9), "queue", BASELINE, START_S, START_S + 9)
    assert isinstance(found, Queue)
    assert (found.slope_per_s, found.slope_interval_per_s, found.course) == (0, (-math.inf, math.inf), Course.FULL)


def test_parts_and_sources_are_added_up_and_what_has_gone_is_taken_off() -> None:
    two = replace(RUN, probes=(*run(line(2)).probes, *run(line(1), source="other").probes))
    found = measure_queue(two, "queue", BASELINE, START_S, END_S)
    assert isinstance(found, Queue) and found.slope_per_s == pytest.approx(3)
    pair = replace(two, probes=(*run(line(3)).probes, *run(line(1), key="handled_total{a=1}").probes))
    found = measure_queue(pair, "queue - handled_total", BASELINE, START_S, END_S)
    assert isinstance(found, Queue) and found.slope_per_s == pytest.approx(2)
    found = measure_queue(pair, "app/queue; handled*", BASELINE, START_S, END_S)
    assert isinstance(found, Queue) and found.slope_per_s == pytest.approx(4)
    assert measure_queue(pair, "app/queue; db/handled", BASELINE, START_S, END_S) == "db/handled was never sampled"
    elsewhere = replace(pair, probes=(*pair.probes, ProbeSample(3.0, "db", "x", {"queue": 1e6})))
    found = measure_queue(elsewhere, "app/queue", BASELINE, START_S, END_S)
    assert isinstance(found, Queue) and found.baseline == 0


def test_before_the_longest_queue_of_the_baseline_counts() -> None:
    """120 now and then is no longer than it had been once."""
    at_rest = run([100.0] * 30)
    once = replace(at_rest, probes=(*at_rest.probes, ProbeSample(12.6, "app", "app", {"queue": 120.0})))
    found = measure_queue(once, "queue", BASELINE, START_S, END_S)
    assert isinstance(found, Queue) and (found.baseline, found.course) == (120.0, Course.AS_BEFORE)
