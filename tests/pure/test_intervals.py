"""Intervals: known values, and coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from harness.analysis import histogram, intervals
from harness.analysis.phases import Tally


def second(latencies_us: list[int], failed: int = 0) -> Tally:
    merged = histogram.merge({histogram.bucket_index(value): 1} for value in latencies_us)
    intended = len(latencies_us) + failed
    return Tally(intended, len(latencies_us), {"http 503": failed} if failed else {}, 0, merged, merged)


@pytest.mark.parametrize(("q", "needed"), [(0.95, 59), (0.99, 299), (0.999, 2995)])
def test_samples_needed_are_those_of_hahn_and_meeker(q: float, needed: int) -> None:
    assert intervals.samples_needed(q) == needed
    assert intervals.quantile_ranks(needed, q)[1] == needed
    assert intervals.quantile_ranks(needed - 1, q)[1] == needed, "one sample fewer leaves the upper end open"


def test_too_few_samples_have_no_upper_bound() -> None:
    low, high = intervals.quantile_interval_us({1000: 31}, 0.95)
    assert low == 1000
    assert high == math.inf


def test_ranks_for_a_hundred_samples_of_a_median_are_those_of_the_tables() -> None:
    assert intervals.quantile_ranks(100, 0.5) == (40, 61)


@pytest.mark.parametrize(("n", "q"), [(100, 0.5), (100, 0.95), (510, 0.95), (1000, 0.99)])
def test_the_quantile_interval_covers_the_true_quantile(n: int, q: float) -> None:
    random = np.random.default_rng(7)
    true_us = -math.log(1 - q) * 1e5
    covered = 0
    for _ in range(400):
        us = [int(value) for value in random.exponential(1e5, n)]
        low, high = intervals.quantile_interval_us(second(us).latency, q)
        covered += low <= true_us <= high
    assert covered >= 0.93 * 400


@pytest.mark.parametrize(("hits", "n"), [(0, 510), (1, 20), (25, 500), (500, 500)])
def test_clopper_pearson_agrees_with_scipy(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(0.95, "exact")
    assert intervals.clopper_pearson(hits, n) == pytest.approx((expected.low, expected.high))


def test_failures_in_bursts_widen_the_interval_of_the_error_ratio() -> None:
    spread = [second([1000] * 99, failed=1) for _ in range(60)]
    burst = [second([1000] * 100) for _ in range(58)] + [second([1000] * 70, failed=30) for _ in range(2)]
    narrow, wide = intervals.error_ratio(spread), intervals.error_ratio(burst)
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
    assert narrow == pytest.approx(intervals.clopper_pearson(60, 6000)), "never narrower than for independent values"


def test_a_slow_second_widens_the_interval_of_a_quantile() -> None:
    even = [second([1000] * 95 + [9000] * 5) for _ in range(40)]
    uneven = [second([1000] * 100) for _ in range(38)] + [second([9000] * 100) for _ in range(2)]
    assert intervals.latency_quantile_us(even, 0.9) == (1000, 1000)
    assert intervals.latency_quantile_us(uneven, 0.9)[1] == histogram.bucket_bounds_us(histogram.bucket_index(9000))[1]


def test_failed_requests_leave_the_upper_end_of_a_quantile_open() -> None:
    seconds = [second([1000] * 90, failed=10) for _ in range(20)]
    low, high = intervals.latency_quantile_us(seconds, 0.95)
    assert (low, high) == (math.inf, math.inf)
