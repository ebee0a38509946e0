"""The Universal Scalability Law: known parameters are found, intervals hold their promise, ceilings are no peaks."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from harness.criteria.pool import _usl as usl
from harness.criteria.pool._usl import Fit, Law, fit
from harness.criteria.pool.scalability import _describe_peak

LEVELS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
FITS = 300


def measured(law: Law, noise_ratio: float, seed: int) -> Fit:
    random = np.random.default_rng(seed)
    found = fit(LEVELS, [law.throughput(n) * (1 + noise_ratio * random.standard_normal()) for n in LEVELS])
    assert found is not None
    return found


@given(st.floats(0.1, 1e4), st.floats(0, 0.5), st.floats(1e-6, 0.01))
def test_without_noise_the_parameters_are_found_exactly(gamma: float, sigma: float, kappa: float) -> None:
    law = Law(gamma, sigma, kappa)
    with mock.patch.object(usl, "RESAMPLES", 5):
        found = fit(LEVELS, [law.throughput(n) for n in LEVELS])
    assert found is not None
    assert found.law.gamma == pytest.approx(gamma, rel=1e-6)
    assert found.law.sigma == pytest.approx(sigma, rel=1e-6, abs=1e-7)
    assert found.law.kappa == pytest.approx(kappa, rel=1e-6)
    assert found.law.peak == pytest.approx(max(1, ((1 - sigma) / kappa) ** 0.5), rel=1e-5)


@pytest.mark.parametrize("law", [Law(20, 0.05, 0.0005), Law(100, 0.02, 0.0002), Law(5, 0.3, 0.001)])
def test_the_intervals_hold_the_truth_nine_times_of_ten(law: Law) -> None:
    """Coverage over seeded runs with 3 % noise; 300 runs of 95 % are below 90 % once in a thousand."""
    found = [measured(law, 0.03, seed) for seed in range(FITS)]
    for name in ("gamma", "sigma", "kappa"):
        held = sum(low <= getattr(law, name) <= high for low, high in (getattr(each, name) for each in found))
        assert held >= 0.9 * FITS, name
    peaks = [each.peak for each in found if each.peak is not None]
    assert law.peak is not None
    assert sum(low <= law.peak <= high for low, high in peaks) >= 0.9 * len(peaks) > 0


def test_the_interval_of_one_is_students_where_no_bound_is_near() -> None:
    """1 ÷ γ is a coefficient of a linear regression of relative errors, with levels − 3 degrees of freedom."""
    law, n = Law(20, 0.3, 0.002), np.array(LEVELS)
    x = np.array([law.throughput(each) for each in LEVELS]) * (1 + 0.01 * np.array([1, -1, 1, 1, -1, -1, 1, -1]))
    found = fit(LEVELS, x.tolist())
    assert found is not None and found.ceiling is None
    terms = np.column_stack([np.ones_like(n), n - 1, n * (n - 1)]) / (n / x)[:, None]
    inverse = np.linalg.inv(terms.T @ terms)
    a = float((inverse @ terms.T @ np.ones_like(n))[0])
    deviation = math.sqrt(float(np.sum((terms @ (inverse @ terms.T @ np.ones_like(n)) - 1) ** 2)) / 5 * inverse[0, 0])
    margin = float(t.ppf(0.975, 5)) * deviation
    assert found.gamma == pytest.approx((1 / (a + margin), 1 / (a - margin)), rel=0.005)
    assert found.law.gamma == pytest.approx(1 / a)
    # Of a thousand resamples an end is known to a twentieth of the width.
    assert found.gamma[1] - found.gamma[0] == pytest.approx(1 / (a - margin) - 1 / (a + margin), rel=0.1)
    best = max(law.throughput(each) for each in range(1, 129))
    assert found.best_per_s[0] < found.best() < found.best_per_s[1] and found.best() == pytest.approx(best, rel=0.01)
    assert found.best_per_s[1] - found.best_per_s[0] < 0.1 * best


@pytest.mark.parametrize(
    ("law", "peak"),
    [
        (Law(5, 0.19, 0.01), 9.0),
        (Law(5, 0.1, 1e-12), None),
        (Law(5, 0.19, 1.21e-12), 0.9 / 1.1e-6),
        (Law(5, 1.5, 0.1), 1.0),
    ],
)
def test_the_peak_is_where_the_law_says(law: Law, peak: float | None) -> None:
    assert law.peak == (None if peak is None else pytest.approx(peak))
    assert law.throughput(1) == pytest.approx(5) and law.throughput(2) == pytest.approx(
        10 / (1 + law.sigma + 2 * law.kappa)
    )


def test_the_interval_of_a_ceiling_is_students_over_the_levels_that_reach_it() -> None:
    flat = [98.0, 102.0, 100.0, 104.0, 96.0]
    found = fit(LEVELS, [25.0, 50.0, 100.0, *flat])
    assert found is not None and found.ceiling is not None
    # The third level lies on both.
    reached = [100.0, *flat] if found.ceiling.limit_per_s == pytest.approx(100) else flat
    margin = float(t.ppf(0.975, len(reached) - 1)) * float(np.std(reached, ddof=1)) / math.sqrt(len(reached))
    assert found.ceiling.interval_per_s == pytest.approx((100 - margin, 100 + margin))
    assert (found.ceiling.gamma, found.ceiling.knee) == (25, 4)


def test_levels_that_hardly_differ_are_one() -> None:
    """Six different ones are needed; to a millionth they are the same."""
    law = Law(20, 0.05, 0.0005)
    five = [1.0, 2.0, 4.0, 8.0, 16.0]
    for sixth, is_found in ((16.0000001, False), (16.00001, True), (0.0, False)):
        levels = [*five, sixth]
        assert (fit(levels, [law.throughput(n) for n in levels]) is not None) is is_found


def test_without_coherency_there_is_no_peak() -> None:
    found = [measured(Law(20, 0.05, 0), 0.03, seed) for seed in range(100)]
    assert sum(each.peak is None for each in found) >= 90
    assert all(each.kappa[0] == 0 for each in found if each.peak is None)


def test_a_peak_beyond_what_was_measured_is_said_to_be_beyond() -> None:
    found = measured(Law(20, 0.01, 0.000004), 0.0005, 1)
    assert found.peak is not None
    assert found.peak[0] > found.highest and not found.peak_in_range


def test_a_bounded_pool_is_a_ceiling_and_no_peak() -> None:
    with mock.patch.object(usl, "RESAMPLES", 5):
        for seed in range(100):
            random = np.random.default_rng(seed)
            found = fit(LEVELS, [min(20 * n, 320) * (1 + 0.01 * random.standard_normal()) for n in LEVELS])
            assert found is not None and found.ceiling is not None
            assert found.ceiling.limit_per_s == pytest.approx(320, rel=0.03)
            assert found.ceiling.knee == pytest.approx(16, rel=0.05)


def test_a_law_with_a_peak_is_no_ceiling() -> None:
    with mock.patch.object(usl, "RESAMPLES", 5):
        assert not any(measured(Law(20, 0.05, 0.0005), 0.01, seed).ceiling for seed in range(100))


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [(n, n) for n in LEVELS[:5]],
        [(8.0, 100.0)] * 8,
        [(n, 0.0) for n in LEVELS],
        [(n, n / (n - 1.5)) for n in (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)],  # as if one alone took no time
    ],
)
def test_too_few_levels_have_no_fit(pairs: list[tuple[float, float]]) -> None:
    assert fit([n for n, _ in pairs], [x for _, x in pairs]) is None


def test_a_recording_always_gets_the_same_intervals() -> None:
    assert measured(Law(20, 0.05, 0.0005), 0.03, 7) == measured(Law(20, 0.05, 0.0005), 0.03, 7)


@pytest.mark.parametrize(
    ("peak", "kappa", "highest", "told"),
    [
        (None, 0.01, 128, "no peak in range, up to 128 at once: throughput only levels off"),
        ((9.0, 11.0), 0.0, 128, "no peak in range, up to 128 at once: throughput only levels off"),
        ((9.0, 11.0), 0.01, 11, "throughput peaks at 10 at once (9 to 11) and falls beyond it"),
        (
            (9.0, 11.0),
            0.01,
            10.9,
            "throughput would peak at 10 at once (9 to 11), which is not surely within the 11 that were measured",
        ),
    ],
)
def test_the_peak_in_words(peak: tuple[float, float] | None, kappa: float, highest: float, told: str) -> None:
    """Of σ = 0 the peak is at √(1/κ), which is 10 for 0.01."""
    one = (1.0, 1.0)
    assert _describe_peak(Fit(Law(1.0, 0.0, kappa), one, one, one, peak, highest, one, None)) == told


def test_a_level_without_users_or_without_answers_is_none() -> None:
    law = Law(20, 0.05, 0.0005)
    with mock.patch.object(usl, "RESAMPLES", 5):
        whole = fit(LEVELS, [law.throughput(n) for n in LEVELS])
        more = fit([0.0, *LEVELS, 256.0], [7.0, *(law.throughput(n) for n in LEVELS), 0.0])
    assert whole is not None and more is not None and more.law == whole.law and more.highest == 128


def test_a_ceiling_is_one_where_two_levels_reach_it_whatever_fits_better() -> None:
    """1, 2 and 2.2 for 1, 2 and 3: the last alone would fit with nothing left over."""
    n, x = np.array([3.0, 1.0, 2.0]), np.array([2.2, 1.0, 2.0])
    found = usl._ceiling(n, x, 1.0)
    assert found is not None and (found.gamma, found.limit_per_s) == (1, pytest.approx(2.1))
    assert found.interval_per_s[0] < 2.1 < found.interval_per_s[1]
    assert usl._ceiling(n[:2], x[:2], 1.0) is None


def test_an_interval_is_from_tail_to_tail_and_holds_its_figure() -> None:
    """Of 101 in their order the third from either end: 2.5 % of 100 are 2.5, and both ends are taken outwards."""
    values = np.arange(100.0)[::-1]
    assert usl._interval(values, 50.0) == (2, 97)
    assert usl._interval(values, -7.0) == (-7, 97) and usl._interval(values, 200.0) == (2, 200)


def test_no_share_is_less_than_nothing() -> None:
    """Without contention, and without coherency, the lower end of each is 0: chance alone would put it below."""
    found = [measured(Law(20, 0, 0), 0.03, seed) for seed in range(5)]
    assert {each.sigma[0] for each in found} == {0} == {each.kappa[0] for each in found}
    assert all(each.sigma[1] > 0 for each in found)


def test_the_peaks_of_many() -> None:
    """√((1 − σ) ÷ κ), 1 at least, also where σ is more than 1; without κ there is none."""
    peaks = usl._peaks(np.array([0.19, 1.5, 0.99, 0.19]), np.array([0.01, 0.1, 0.1, 0.0]))
    assert peaks.tolist() == [pytest.approx(9), 1, 1, math.inf]
