"""Estimators that comparisons and intervals are built from, on figures that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis import distributions, two_samples
from harness.analysis.effective_size import is_steady, only_these, persistence_of
from harness.analysis.histogram import bucket_bounds_us, bucket_index
from harness.analysis.intervals import clopper_pearson, quantile_ranks
from harness.analysis.quantile_shift import DRAWS, Draws, draws, from_intervals
from harness.analysis.tallies import Tally

QUICK, SLOW = bucket_index(1_000), bucket_index(9_000)
QUICK_US, SLOW_US = (float(bucket_bounds_us(index)[1]) for index in (QUICK, SLOW))


def second(quick: int, slow: int = 0, failed: int = 0) -> Tally:
    latency = {index: count for index, count in ((QUICK, quick), (SLOW, slow)) if count}
    return Tally(quick + slow + failed, quick + slow, {"http 503": failed} if failed else {}, 0, latency)


def same(value: float) -> float:
    return value


@pytest.mark.parametrize(("confidence", "interval"), [(0.95, (24, 974)), (0.99, (4, 994)), (0.9999, (0, 998))])
def test_the_interval_of_a_shift_is_cut_from_both_ends_of_the_draws(
    confidence: float, interval: tuple[float, float]
) -> None:
    """Of 999, the 25th from either end for 95 %."""
    ordered = np.random.default_rng(1).permutation(np.arange(DRAWS, dtype=np.float64))
    drawn = Draws(np.full(DRAWS, 100.0), ordered + 100)
    assert drawn.interval(confidence, same) == interval
    low, high = drawn.interval(confidence, lambda value: 1.5 * value)
    assert (low, high) == (interval[0] - 50, interval[1] - 50)


def test_where_both_fell_among_the_failed_the_shift_may_be_anything() -> None:
    first, after = np.full(DRAWS, 1.0), np.full(DRAWS, 3.0)
    first[:24] = after[:24] = math.inf
    assert Draws(first, after).interval(0.95, same) == (2, 2)
    first[24] = after[24] = math.inf
    assert Draws(first, after).interval(0.95, same) == (-math.inf, math.inf)
    after[:] = math.inf
    first[:] = 1.0
    assert Draws(first, after).interval(0.95, same) == (math.inf, math.inf)


def test_two_intervals_make_that_of_the_difference() -> None:
    """MOVER: 10 less √(3² + 3²), and 10 more √(6² + 2²)."""
    low, high = from_intervals(10, (8, 13), 20, (17, 26))
    assert low == pytest.approx(10 - math.sqrt(18)) and high == pytest.approx(10 + math.sqrt(40))


def test_whole_blocks_of_neighbouring_seconds_are_drawn() -> None:
    """Of 64 seconds sixteen blocks of four: where slow and quick ones take turns each block has as many of both, where
    32 are slow on end a block is of one kind, and less than 0.4 of what is drawn is slow with probability Φ(−0.8).
    """
    in_turn = [second(0, 10), second(10)] * 32
    lasting = [second(0, 10)] * 32 + [second(10)] * 32
    drawn = draws(in_turn, lasting, 0.6)
    assert drawn.first.shape == drawn.second.shape == (DRAWS,) == (999,)
    assert set(drawn.first) == {SLOW_US} and set(drawn.second) == {QUICK_US, SLOW_US}
    assert float(np.mean(drawn.second == QUICK_US)) == pytest.approx(0.2, abs=0.06)
    again = draws(in_turn, lasting, 0.6)
    assert again.second.tolist() == drawn.second.tolist()


@pytest.mark.parametrize(
    ("of", "q", "value_us"),
    [
        (second(9, 1), 0.9, QUICK_US),
        (second(9, 1), 0.901, SLOW_US),
        (second(9, 0, 1), 0.9, QUICK_US),
        (second(9, 0, 1), 0.901, math.inf),
        (second(0, 0, 1), 0.5, math.inf),
        (second(9, 1), 0.0, QUICK_US),
    ],
)
def test_the_quantile_of_what_was_drawn_has_failed_requests_above_all_others(
    of: Tally, q: float, value_us: float
) -> None:
    """Seconds without a request are none."""
    drawn = draws([of] * 5, [second(0), of, of, second(0)], q)
    assert set(drawn.first) == set(drawn.second) == {value_us}


REQUESTS = np.full(96, 100.0)
IN_FOURS = np.tile([20.0] * 4 + [0.0] * 4, 12)


def test_a_bound_of_what_lasts_is_a_standard_error_higher_where_seconds_differ() -> None:
    """Of 96 neighbours 72 are alike and 23 differ; by chance 9,600 · 0.1 · 0.9 · 95/96 of Σ excess² = 9,600."""
    by_chance = 0.09 * 95 / 96
    for standard_errors in (1.0, 2.0):
        freed = (49 / 96 + standard_errors / math.sqrt(96)) / (1 - by_chance)
        assert persistence_of(IN_FOURS, REQUESTS, standard_errors) == pytest.approx(freed + (1 + 4 * freed) / 96)
    in_turn = np.tile([20.0, 0.0], 48)  # the opposite of alike: taken for none
    freed = 1 / math.sqrt(96) / (1 - by_chance)
    assert persistence_of(in_turn, REQUESTS, 1.0) == pytest.approx(freed + (1 + 4 * freed) / 96)
    assert persistence_of(in_turn, REQUESTS) == 0
    even = np.tile([10.0, 11.0], 48)
    assert persistence_of(even, REQUESTS, 1.0) == 0, "by no more than chance they differ"


@pytest.mark.parametrize(
    ("hits", "steady"),
    [((15, 25), True), ((14, 26), False), ((0, 0), True), ((100, 100), True), ((40,), True), ((14, 26, 20), True)],
)
def test_seconds_are_steady_that_differ_by_no_more_than_chance(hits: tuple[float, ...], steady: bool) -> None:
    """χ² is 3.1 and 4.5 of one degree of freedom, where 3.84 is the limit; of two it is 5.99."""
    assert is_steady(np.array(hits, dtype=np.float64), np.full(len(hits), 100.0)) is steady


def test_why_steady_seconds_say_nothing_of_others() -> None:
    told = only_these(119, 0.0, steady=True)
    assert told.endswith("119 s that do not differ say nothing of what changes more slowly, 120 s would")
    assert only_these(119, 0.0) == only_these(120, 0.0) == ""


def test_steady_seconds_do_not_show_what_comes_seldom_however_many_they_are() -> None:
    """Rule of three: what comes three times in a phase on average is missing from one in twenty."""
    seldom = "s that do not differ do not show what comes less often than once in"
    assert only_these(120, 0.0, steady=True) == f"120 {seldom} 40 s"
    assert only_these(361, 0.0, steady=True) == f"361 {seldom} 120 s"
    assert only_these(1000, 0.99, steady=True).startswith("of these requests only")


@pytest.mark.parametrize("freedom", [1, 2, 7, 30])
def test_chi_square_and_beta_and_normal_are_those_of_scipy(freedom: int) -> None:
    for value in (0.1, 0.5, 0.95):
        assert distributions.chi_square_quantile(value, freedom) == pytest.approx(stats.chi2.ppf(value, freedom))
        assert distributions.chi_square_above(10 * value, freedom) == pytest.approx(stats.chi2.sf(10 * value, freedom))
        beta = stats.beta.cdf(value, freedom, 3)
        assert float(distributions.beta_probability(value, freedom, 3)) == pytest.approx(beta)
        assert distributions.normal_quantiles(np.array([value]))[0] == pytest.approx(stats.norm.ppf(value))
        assert distributions.normal_probability(np.array([value]))[0] == pytest.approx(stats.norm.cdf(value))


def test_the_fewest_runs_are_two_against_two_where_that_is_enough() -> None:
    """Of six orders one in six is as good as it gets."""
    assert [two_samples.fewest_for(1, error) for error in (1 / 6, 0.166, 1 / 20)] == [2, 3, 3]


def test_of_nothing_everything_is_possible() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0) and quantile_ranks(0, 0.5) == (0, 1)
    assert clopper_pearson(0, 20)[0] == 0.0 and clopper_pearson(20, 20)[1] == 1.0
    assert 0 < clopper_pearson(1, 20)[0] < 0.05 < clopper_pearson(19, 20)[1] < 1


def test_the_least_chance_is_that_of_the_best_order() -> None:
    known = [(float(n), float(n)) for n in range(8)]
    assert two_samples.least_chance(known[4:], known[:4]) == pytest.approx(1 / 70)
    alike = [(1.0, 1.0)] * 4
    assert two_samples.least_chance(alike, alike) == 1.0
    assert two_samples.larger(known[4:], known[:4]) == pytest.approx(1.0)
    many = [(float(n % 2), float(n % 2)) for n in range(40)]
    assert two_samples.larger(many, many) == pytest.approx(0.5), "by the normal approximation"
    assert two_samples.larger([(1.0, 1.0)] * 40, [(1.0, 1.0)] * 40) == 1.0
