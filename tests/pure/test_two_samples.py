"""Two groups of figures: the tests and intervals are those of the literature, and of scipy where it has them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis import two_samples
from harness.analysis.two_samples import Bounds

FIGURES = st.lists(st.integers(0, 50).map(float), min_size=2, max_size=6)


def exact(values: list[float]) -> list[Bounds]:
    return [(value, value) for value in values]


@given(FIGURES, FIGURES)
def test_without_ties_the_chance_is_that_of_mann_and_whitney(first: list[float], second: list[float]) -> None:
    first = [value + place / 100 for place, value in enumerate(first)]
    second = [value + 0.5 + place / 100 for place, value in enumerate(second)]
    found = two_samples.larger(exact(first), exact(second))
    assert found == pytest.approx(stats.mannwhitneyu(second, first, alternative="greater", method="exact").pvalue)


@given(FIGURES, FIGURES)
def test_with_ties_it_is_that_of_all_permutations(first: list[float], second: list[float]) -> None:
    def rank_sum(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:  # type: ignore[type-arg]
        both = stats.rankdata(np.concatenate([a, b], axis=axis), axis=axis)
        return np.asarray(both[..., a.shape[axis] :].sum(axis=axis))

    whole = stats.permutation_test(
        (np.array(first), np.array(second)), rank_sum, alternative="greater", n_resamples=np.inf, vectorized=True
    )
    assert two_samples.larger(exact(first), exact(second)) == pytest.approx(float(whole.pvalue), abs=1e-9)


def test_large_groups_take_the_normal_approximation() -> None:
    random = np.random.default_rng(1)
    first, second = random.normal(0, 1, 40), random.normal(0.4, 1, 50)
    found = two_samples.larger(exact(first.tolist()), exact(second.tolist()))
    wanted = stats.mannwhitneyu(second, first, alternative="greater", method="asymptotic", use_continuity=False).pvalue
    assert found == pytest.approx(wanted, rel=1e-6)


def test_the_log_rank_scores_are_those_of_scipys_test() -> None:
    """Observed less expected ends of a group is what scipy's statistic is made of."""
    first = [(5.0, 5.0), (8.0, 8.0), (12.0, math.inf), (3.0, 3.0)]
    second = [(9.0, 9.0), (20.0, math.inf), (20.0, math.inf), (11.0, 11.0), (9.0, 9.0)]
    scores = two_samples.log_rank_scores([*first, *second])
    assert scores.sum() == pytest.approx(0)

    def data(group: list[Bounds]) -> stats.CensoredData:
        return stats.CensoredData(
            uncensored=[high for _, high in group if not math.isinf(high)],
            right=[low for low, high in group if math.isinf(high)],
        )

    statistic = stats.logrank(data(second), data(first)).statistic
    assert (scores[len(first) :].sum() > 0) == (statistic < 0)
    assert two_samples.larger(first, second) < 0.2 < two_samples.larger(second, first)


def test_all_of_four_that_never_end_beside_four_that_do_are_as_unlikely_as_it_gets() -> None:
    first, second = exact([3, 4, 4, 5]), [(60.0, math.inf)] * 4
    assert two_samples.larger(first, second) == pytest.approx(1 / math.comb(8, 4))


@pytest.mark.parametrize(("n", "m", "cut"), [(3, 3, 0), (4, 4, 1), (5, 5, 3), (6, 6, 6), (8, 8, 14), (10, 10, 24)])
def test_how_many_differences_are_cut_off_is_as_tables_have_it(n: int, m: int, cut: int) -> None:
    """Critical values of U at two-sided 5 %: 0 of four against four, 2 of five, 5, 13, 23; one more is cut off."""
    assert two_samples._differences_cut_off(n, m, 0.025) == cut


def test_the_shift_is_the_median_of_all_differences() -> None:
    figure, interval = two_samples.shift(exact([1, 2, 3, 4]), exact([11, 12, 13, 14]), 0.95)
    assert figure == 10
    assert interval == (7, 13)
    # Of an even number the mean of the two in the middle, of an odd one the middle.
    assert two_samples.shift(exact([0]), exact([1, 2, 5, 100]), 0.95)[0] == 3.5
    assert two_samples.shift(exact([0]), exact([1, 2, 100]), 0.95)[0] == 2


def test_three_against_three_have_no_interval_of_95_percent() -> None:
    _, interval = two_samples.shift(exact([1, 2, 3]), exact([1, 2, 3]), 0.95)
    assert interval == (-math.inf, math.inf)


def test_censored_figures_open_the_interval_and_hide_the_shift() -> None:
    figure, (low, high) = two_samples.shift(exact([1, 2, 2, 3]), [(60.0, math.inf)] * 4, 0.95)
    assert figure is None
    assert (low, high) == (57, math.inf)


def test_figures_without_a_bound_are_the_largest_and_say_nothing_of_each_other() -> None:
    boundless = [(math.inf, math.inf)] * 4
    assert two_samples.shift(boundless, boundless, 0.95)[1] == (-math.inf, math.inf)
    assert two_samples.shift(exact([1, 2, 3, 4]), boundless, 0.95)[1][0] == math.inf


def test_the_interval_covers_the_shift_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        first, second = random.exponential(1, 5), random.exponential(1, 6) + 0.7
        low, high = two_samples.shift(exact(first.tolist()), exact(second.tolist()), 0.95)[1]
        covered += low <= 0.7 <= high
    assert covered >= 0.93 * 400


def test_holm_is_that_of_the_paper() -> None:
    assert two_samples.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert two_samples.holm([]) == []


@pytest.mark.parametrize(("tests", "fewest"), [(1, 3), (3, 4), (4, 5), (12, 5), (13, 6)])
def test_so_many_tests_take_so_many_runs(tests: int, fewest: int) -> None:
    assert two_samples.fewest_for(tests, 0.05) == fewest


def test_six_differences_of_six_by_six_lie_beyond_each_end() -> None:
    """Of powers of two and of three, so that no two are the same."""
    first, second = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [100.0, 103.0, 109.0, 127.0, 181.0, 343.0]
    differences = sorted(after - before for before in first for after in second)
    assert two_samples.shift(exact(first), exact(second), 0.95)[1] == (differences[5], differences[-6])
    assert differences[4] < differences[5] and differences[-6] < differences[-5]
