"""Intervals: known values, and coverage by simulation."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy.stats import binomtest

from harness.analysis import histogram, intervals
from harness.analysis.tallies import Tally


def second(latencies_us: list[int], failed: int = 0) -> Tally:
    merged = dict(Counter(map(histogram.bucket_index, latencies_us)))
    intended = len(latencies_us) + failed
    return Tally(intended, len(latencies_us), {"http 503": failed} if failed else {}, 0, merged)


@pytest.mark.parametrize(("q", "needed"), [(0.95, 59), (0.99, 299), (0.999, 2995)])
def test_samples_needed_are_those_of_hahn_and_meeker(q: float, needed: int) -> None:
    assert intervals.samples_needed(q) == needed
    assert intervals.quantile_ranks(needed, q)[1] == needed
    assert intervals.quantile_ranks(needed - 1, q)[1] == needed, "one sample fewer leaves the upper end open"


@pytest.mark.parametrize(
    ("q", "confidence", "needed"), [(0.5, 0.75, 2), (0.5, 0.7501, 3), (0.9, 0.271, 3), (0.2, 0.8, 1)]
)
def test_so_many_samples_as_are_just_sure_are_enough(q: float, confidence: float, needed: int) -> None:
    """½² is 1 − 0.75, 0.9³ is 1 − 0.271, and 0.2 is 1 − 0.8, however they are rounded."""
    assert intervals.samples_needed(q, confidence) == needed


def test_ranks_for_a_hundred_samples_of_a_median_are_those_of_the_tables() -> None:
    assert intervals.quantile_ranks(100, 0.5) == (40, 61)


@pytest.mark.parametrize(("n", "q"), [(100, 0.5), (100, 0.95), (510, 0.95), (1000, 0.99)])
def test_the_quantile_interval_covers_the_true_quantile(n: int, q: float) -> None:
    random = np.random.default_rng(7)
    true_us = -math.log(1 - q) * 1e5
    covered = 0
    for _ in range(400):
        us = random.exponential(1e5, n).astype(np.int64).tolist()
        low, high = intervals.latency_quantile_us([second(us)], q).interval
        covered += low <= true_us <= high
    assert covered >= 0.93 * 400


@pytest.mark.parametrize(("hits", "n"), [(0, 510), (1, 20), (25, 500), (500, 500)])
def test_clopper_pearson_agrees_with_scipy(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(0.95, "exact")
    assert intervals.clopper_pearson(hits, n) == pytest.approx((expected.low, expected.high))


def test_failures_in_bursts_widen_the_interval_of_the_error_ratio() -> None:
    spread = [second([1000] * 99, failed=1) for _ in range(60)]
    burst = [second([1000] * 100) for _ in range(58)]
    burst[10:10] = burst[40:40] = [second([1000] * 70, failed=30)]
    narrow, wide = intervals.error_ratio(spread), intervals.error_ratio(burst)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert narrow.interval == pytest.approx(intervals.clopper_pearson(60, 6000)), "as for independent values"


def test_a_slow_second_widens_the_interval_of_a_quantile() -> None:
    even = [second([1000] * 95 + [9000] * 5) for _ in range(40)]
    uneven = [second([1000] * 100) for _ in range(38)] + [second([9000] * 100) for _ in range(2)]
    assert intervals.latency_quantile_us(even, 0.9).interval == (1000, 1000)
    assert (
        intervals.latency_quantile_us(uneven, 0.9).high == histogram.bucket_bounds_us(histogram.bucket_index(9000))[1]
    )


def test_failed_requests_leave_the_upper_end_of_a_quantile_open() -> None:
    seconds = [second([1000] * 90, failed=10) for _ in range(20)]
    assert intervals.latency_quantile_us(seconds, 0.95).interval == (math.inf, math.inf)


def test_failures_in_one_stretch_are_one_event_and_of_these_requests_only() -> None:
    """63 of 1,200 in the first two seconds: how often such a stretch comes, one of them does not show."""
    stretch = [second([1000] * 0, failed=40), second([1000] * 17, failed=23), *[second([1000] * 40)] * 28]
    found = intervals.error_ratio(stretch)
    assert found.interval == pytest.approx(intervals.clopper_pearson(63, 1200))
    assert found.only == "of these requests only: nearly all failures came within 2 s, one event and no sample"


@pytest.mark.parametrize(
    ("failed", "one_event"),
    [
        ({0: 34}, True),
        ({0: 40, 1: 10}, True),
        ({0: 40, 20: 40}, False),
        ({0: 15, 1: 15}, False),
        (dict.fromkeys(range(10), 40), False),
        ({0: 40, **dict.fromkeys(range(5, 30, 4), 2)}, False),
        ({3: 1}, False),
    ],
    ids=str,
)
def test_one_event_is_an_outage_and_its_end_and_little_besides(failed: dict[int, int], one_event: bool) -> None:
    """Of 40 requests a second for 30 s. Two outages, seconds in which less than half failed, a third of the time and
    failures all along are what they are at other times, too; so is one failure.
    """
    found = intervals.error_ratio(
        [second([1000] * (40 - failed.get(t, 0)), failed=failed.get(t, 0)) for t in range(30)]
    )
    assert ("one event" in found.only) is one_event


@pytest.mark.parametrize(("lasting_s", "only"), [(7, True), (29, True), (30, False)])
def test_few_seconds_say_nothing_of_others(lasting_s: int, only: bool) -> None:
    found = intervals.error_ratio([second([1000] * 99, failed=1)] * lasting_s)
    assert ("too few to show how seconds differ" in found.only) == only


def test_how_long_seconds_stay_alike_is_seen_where_half_are_slower() -> None:
    """Slow for 24 s, and quick for the next 36: p95 alone would not tell it."""
    lasting = [second([9000] * 50 + [9900] * 5)] * 24 + [second([1000] * 50 + [9900] * 5)] * 36
    found = intervals.latency_quantile_us(lasting, 0.95)
    assert found.only.startswith("of these requests only: neighbouring seconds are alike (correlation about 0.97)")
    in_turn = [lasting[0], lasting[-1], lasting[-1]] * 20
    assert intervals.latency_quantile_us(in_turn, 0.95).only == ""


def test_seconds_are_one_event_by_what_is_seen_of_them_and_not_by_a_bound() -> None:
    """Their correlation is seen to be 0.7, so that 60 are worth 10.6, and may be 0.84, worth 5: then the interval would
    be the narrower one, of independent requests.
    """
    failed = [0, 0, 1, 1, 2, 3, 2, 1, 1, 0] * 6
    found = intervals.error_ratio([second([1000] * (20 - bad), failed=bad) for bad in failed])
    low, high = intervals.clopper_pearson(sum(failed), 1200)
    assert found.low < low - 0.005 and found.high > high + 0.005
    assert "neighbouring seconds are alike" not in found.only


def test_seconds_too_few_to_show_how_they_differ_do_not_hide_that_nearly_all_failed() -> None:
    """One good second and an outage are taken for one event, and not for nine seconds that differ."""
    found = intervals.error_ratio([second([1000] * 8), *[second([], failed=16) for _ in range(8)]])
    assert (found.low, found.high) == intervals.clopper_pearson(128, 136)
    assert "of these requests only" in found.only


@pytest.mark.parametrize(("lasting_s", "only"), [(30, True), (119, True), (120, False)])
@pytest.mark.parametrize("failed", [0, 1])
def test_seconds_that_do_not_differ_say_nothing_of_what_changes_more_slowly(
    lasting_s: int, only: bool, failed: int
) -> None:
    """An outage that comes every two minutes is not seen in one, and all of it may have been a part of something."""
    found = intervals.error_ratio([second([1000] * (100 - failed), failed=failed)] * lasting_s)
    assert ("say nothing of what changes more slowly, 120 s would" in found.only) == only
    assert found.interval == pytest.approx(intervals.clopper_pearson(failed * lasting_s, 100 * lasting_s))


@pytest.mark.parametrize(("lasting_s", "only"), [(30, True), (119, True), (120, False)])
def test_nor_do_they_of_slow_requests(lasting_s: int, only: bool) -> None:
    """Ten times as slow for six seconds of every hundred: most minutes have none of them."""
    found = intervals.latency_quantile_us([second([1000] * 50 + [2000] * 50)] * lasting_s, 0.95)
    assert ("say nothing of what changes more slowly, 120 s would" in found.only) == only
    assert found.is_sample


@pytest.mark.parametrize(("lasting_s", "is_sample"), [(29, False), (30, True)])
def test_seconds_show_by_themselves_how_others_differ_where_they_are_enough(lasting_s: int, is_sample: bool) -> None:
    ones = [second([1000] * 50 + [2000] * 49, failed=1)] * lasting_s
    assert intervals.error_ratio(ones).is_sample is is_sample
    assert intervals.latency_quantile_us(ones, 0.9).is_sample is is_sample
    lasting = [second([9000] * 50)] * 40 + [second([1000] * 50)] * 40
    assert not intervals.latency_quantile_us(lasting, 0.95).is_sample
    assert not intervals.error_ratio([second([], failed=50)] * 2 + [second([1000] * 50)] * 58).is_sample


def test_of_seconds_that_differ_at_random_a_minute_speaks_for_others() -> None:
    random = np.random.default_rng(2)
    failed = random.binomial(100, random.choice([0.01, 0.3], 60))
    found = intervals.error_ratio([second([1000] * (100 - n), failed=n) for n in failed.tolist()])
    assert not found.only
    assert found.high - found.low > 2 * np.ptp(intervals.clopper_pearson(float(failed.sum()), 6000))


def test_failures_that_stay_alike_may_do_so_for_longer_than_is_seen() -> None:
    """Ten seconds of many failures and ten of few, by turns: a minute of them amounts to a few."""
    found = intervals.error_ratio([second([1000] * 95, failed=5 + 10 * (t // 10 % 2)) for t in range(60)])
    assert "neighbouring seconds are alike (correlation about 0." in found.only


def test_seconds_that_are_alike_widen_the_interval_more_than_those_that_only_differ() -> None:
    """Half of the seconds are slow: in turn, or each for as long as a minute and a half."""
    slow, quick = second([9000] * 20 + [1000] * 80), second([9000] * 2 + [1000] * 98)
    shuffled = [(slow, quick)[bit] for bit in np.random.default_rng(5).integers(0, 2, 1200)]
    lasting = [(slow, quick)[t // 90 % 2] for t in range(1200)]
    widths = [found.high - found.low for found in map(intervals.error_ratio, map(as_errors, (shuffled, lasting)))]
    assert widths[1] > 3 * widths[0]


def as_errors(seconds: list[Tally]) -> list[Tally]:
    """With the slow requests failed."""
    return [second([1000] * each.latency[1000], failed=100 - each.latency[1000]) for each in seconds]


@pytest.mark.parametrize("worth", [100, 30, 7])
def test_ranks_of_fewer_independent_requests_are_those_of_as_large_a_share(
    monkeypatch: pytest.MonkeyPatch, worth: int
) -> None:
    """A thousand, each slower than the one before, that are worth so many: the lower end is rounded down."""
    monkeypatch.setattr(intervals, "effective_size", lambda *_: float(worth))
    slow = [1000 * (rank + 1) for rank in range(1000)]
    low, high = intervals.latency_quantile_us([second(slow[at : at + 100]) for at in range(0, 1000, 100)], 0.5).interval
    lower, upper = intervals.quantile_ranks(worth, 0.5)
    ranks = (lower * 1000 // worth, min(1000, math.ceil(upper * 1000 / worth)))
    assert (low, high) == pytest.approx((ranks[0] * 1000, ranks[1] * 1000), rel=2e-3)


def test_of_seconds_that_are_worth_two_requests_the_lower_end_of_a_third_quartile_is_open() -> None:
    """Ten slow seconds after thirty quick ones. Both of two are above it in (1/4)² = 6 % of cases, which is more than
    2.5 %; all of three would be in 1.6 %.
    """
    quick, slow = (Tally(10, 10, {}, 0, {latency_us: 10}) for latency_us in (1000, 2000))
    found = intervals.latency_quantile_us([*[quick] * 30, *[slow] * 10], 0.75)
    assert (found.low, found.high) == (0.0, 2000.0)


def test_of_six_requests_the_interval_of_the_median_goes_from_the_least_to_the_largest() -> None:
    """It holds with 96.9 %, 1 − 2 · ½⁶; of five nobody knows how little it may be."""
    latency = {histogram.bucket_index(us): 1 for us in (1000, 2000, 3000, 4000, 5000, 6000)}
    found = intervals.latency_quantile_us([Tally(6, 6, {}, 0, latency)], 0.5, 0.95)
    assert found.interval == (pytest.approx(1000, rel=0.04), pytest.approx(6000, rel=0.04))
    fewer = dict(list(latency.items())[:5])
    assert intervals.latency_quantile_us([Tally(5, 5, {}, 0, fewer)], 0.5, 0.95).interval[0] == 0


def test_of_one_request_the_share_is_open_to_one_side() -> None:
    """One bad one of one: 2.5 % at least; of none nothing is known."""
    assert intervals.clopper_pearson(1, 1) == (pytest.approx(0.025), 1)
    assert intervals.clopper_pearson(0, 1) == (0, pytest.approx(0.975))
    assert intervals.clopper_pearson(0, 0) == (0, 1)
