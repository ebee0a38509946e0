"""Our quantiles are those of scipy.stats, which is too slow to load for every verdict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis import distributions

PROBABILITIES = st.sampled_from([0.005, 0.01, 0.025, 0.95, 0.975, 0.99, 0.999])
COUNTS = st.integers(0, 1_000_000) | st.integers(0, 70)
SHARES = st.floats(0.0001, 0.9999) | st.sampled_from([0.0, 1.0])


@given(PROBABILITIES, COUNTS, COUNTS)
def test_the_beta_distribution(probability: float, a: int, b: int) -> None:
    ours = distributions.beta_quantile(probability, a + 1, b + 1)
    assert ours == pytest.approx(stats.beta.ppf(probability, a + 1, b + 1), rel=1e-9)


@given(COUNTS, COUNTS, SHARES)
def test_probabilities_of_the_binomial(hits: int, n: int, p: float) -> None:
    for k in (hits - 1, hits, n - 1, n, n + 1):
        assert float(distributions.binomial_at_most(k, n, p)) == pytest.approx(stats.binom.cdf(k, n, p), abs=1e-10)


@given(PROBABILITIES, st.lists(COUNTS, min_size=1, max_size=5), SHARES)
def test_quantiles_of_the_binomial(probability: float, counts: list[int], p: float) -> None:
    """Where the probability is met to the last digit, either of two neighbours may be the answer."""
    n = np.array(counts)
    ours, theirs = distributions.binomial_quantile(probability, n, p), stats.binom.ppf(probability, n, p)
    lower = np.minimum(ours, theirs)
    tied = np.abs(stats.binom.cdf(lower, n, p) - probability) < 1e-10
    assert np.all((ours == theirs) | (tied & (np.abs(ours - theirs) == 1)))


@given(PROBABILITIES, st.floats(1, 1000))
def test_the_normal_and_students_t(probability: float, freedom: float) -> None:
    assert distributions.normal_quantile(probability) == pytest.approx(stats.norm.ppf(probability), rel=1e-12)
    assert distributions.normal_above(freedom / 100) == pytest.approx(stats.norm.sf(freedom / 100), rel=1e-9)
    assert distributions.student_quantile(probability, freedom) == pytest.approx(
        stats.t.ppf(probability, freedom), rel=1e-9
    )


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_ranks_of_values_that_repeat(values: list[int]) -> None:
    assert distributions.ranks(np.array(values, dtype=np.float64)).tolist() == stats.rankdata(values).tolist()
