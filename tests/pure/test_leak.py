"""Leak test: false-positive and detection rates by simulation, and the statistics against scipy.

``python -m tests.pure.test_leak 1000`` prints the table of docs/measurement.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import kendalltau, theilslopes

from harness.criteria.recovery._leak import LeakTest, assess
from harness.criteria.recovery._trend import FloatArray, hamed_rao, thinned, trend

MB = 1e6
Maker = Callable[[np.random.Generator, FloatArray], FloatArray]


def autoregressive(random: np.random.Generator, n: int, phi: float) -> FloatArray:
    """AR(1) with variance 1, stationary from the first value on."""
    shocks = random.standard_normal(n) * np.sqrt(1 - phi * phi)
    shocks[0] = random.standard_normal()
    for i in range(1, n):
        shocks[i] += phi * shocks[i - 1]
    return shocks


def phase(random: np.random.Generator, t: FloatArray, fewest: float, most: float) -> FloatArray:
    """A sawtooth from 0 to 1 with a random number of teeth and a random beginning."""
    period = len(t) / random.uniform(fewest, most)
    return np.asarray((t + random.uniform(0, len(t))) / period % 1)


def fill(random: np.random.Generator, t: FloatArray, quickest: float, slowest: float) -> FloatArray:
    """A cache that fills up, with a time constant of 1/slowest … 1/quickest of the series."""
    return 1 - np.exp(-t / len(t) * random.uniform(slowest, quickest))


# Memory of a process of 100 MB. Noise of 5 MB is large on purpose: quiet series are easy.
NO_LEAK: dict[str, Maker] = {
    "white noise": lambda r, t: 5 * MB * r.standard_normal(len(t)),
    "AR(1), 0.5": lambda r, t: 5 * MB * autoregressive(r, len(t), 0.5),
    "AR(1), 0.9": lambda r, t: 5 * MB * autoregressive(r, len(t), 0.9),
    "sawtooth of a collector": lambda r, t: 30 * MB * phase(r, t, 4, 12) + 0.5 * MB * r.standard_normal(len(t)),
    "warm-up step": lambda r, t: 40 * MB * (t > r.uniform(0, 0.25) * len(t)) + 0.5 * MB * r.standard_normal(len(t)),
    "cache that fills": lambda r, t: 50 * MB * fill(r, t, 10, 5) + 0.5 * MB * r.standard_normal(len(t)),
}
LOOKS_LIKE_ONE: dict[str, Maker] = {
    "cache that fills slowly": lambda r, t: 50 * MB * fill(r, t, 4, 2) + 0.5 * MB * r.standard_normal(len(t)),
    "random walk": lambda r, t: np.cumsum(r.standard_normal(len(t))) * 20 * MB / np.sqrt(len(t)),
}
LEAK: dict[str, Maker] = {
    "leak of 20 MB": lambda r, t: 20 * MB * t / len(t) + 0.5 * MB * r.standard_normal(len(t)),
    "leak of 20 MB under a sawtooth": lambda r, t: 20 * MB * t / len(t) + 10 * MB * phase(r, t, 6, 12),
    "leak of 40 MB in AR(1), 0.9": lambda r, t: 40 * MB * t / len(t) + 2 * MB * autoregressive(r, len(t), 0.9),
}


def simulated(maker: Maker, n: int, runs: int) -> list[LeakTest]:
    random = np.random.default_rng(20260314)
    t = np.arange(n, dtype=np.float64)
    return [assess(t, 100 * MB + maker(random, t)) for _ in range(runs)]


def rate(tests: list[LeakTest]) -> float:
    return sum(test.suspected is True for test in tests) / len(tests)


@pytest.mark.parametrize(("n", "runs"), [(45, 400), (300, 60)])
@pytest.mark.parametrize("kind", NO_LEAK)
def test_false_positives_are_at_most_five_in_a_hundred(kind: str, n: int, runs: int) -> None:
    assert rate(simulated(NO_LEAK[kind], n, runs)) <= 0.05


@pytest.mark.parametrize("kind", LEAK)
def test_leaks_are_found(kind: str) -> None:
    assert rate(simulated(LEAK[kind], 300, 40)) >= 0.8


def test_the_plain_test_would_have_been_fooled() -> None:
    """The reason for all the conditions: plain Mann–Kendall takes every other wandering series for a trend."""
    tests = simulated(NO_LEAK["AR(1), 0.9"], 300, 60)
    trends = [test.trend for test in tests if test.trend is not None]
    assert sum(found.p_plain < 0.05 for found in trends) > 0.4 * len(tests)
    assert sum(found.p < 0.05 for found in trends) < 0.75 * sum(found.p_plain < 0.05 for found in trends)


def test_too_few_samples_are_no_answer() -> None:
    t = np.arange(30, dtype=np.float64)
    found = assess(t, t * MB)
    assert found.suspected is None
    assert found.reason.startswith("30 samples after the warm-up needed")


def test_memory_that_does_not_move_is_no_leak() -> None:
    t = np.arange(100, dtype=np.float64)
    assert assess(t, np.full(100, 5 * MB)).suspected is False


def test_growth_that_has_stopped_is_no_leak() -> None:
    t = np.arange(300, dtype=np.float64)
    found = assess(t, 100 * MB + 40 * MB * np.minimum(1, t / 225))
    assert found.suspected is False
    assert found.reason.startswith("growth in 2 of 3 segments, or not in the last")


def test_a_leak_below_the_limit_is_not_suspected() -> None:
    t = np.arange(300, dtype=np.float64)
    memory = 100 * MB + 20 * MB * t / 300
    assert assess(t, memory).suspected is True
    assert assess(t, memory, limit_bytes=50 * MB).suspected is False


def test_the_plain_statistics_are_those_of_scipy() -> None:
    random = np.random.default_rng(3)
    x = np.arange(80, dtype=np.float64)
    y = random.standard_normal(80) + 0.01 * x
    found = trend(x, y)
    assert found is not None
    tau = kendalltau(x, y, method="asymptotic")
    assert found.tau == pytest.approx(tau.statistic)
    assert found.p_plain == pytest.approx(tau.pvalue, rel=0.02), "scipy has no continuity correction"
    sen = theilslopes(y, x, 0.95)
    assert found.slope == pytest.approx(sen.slope)
    if found.correction == 1:
        assert found.slope_interval == pytest.approx((sen.low_slope, sen.high_slope), rel=0.05)


def test_the_correction_grows_with_autocorrelation_and_is_never_below_one() -> None:
    random = np.random.default_rng(4)
    means = [np.mean([hamed_rao(autoregressive(random, 200, phi)) for _ in range(20)]) for phi in (-0.5, 0, 0.5, 0.9)]
    assert means[0] == pytest.approx(1, abs=0.2)
    assert 1 <= means[1] < means[2] < means[3]


def test_long_series_are_thinned_without_losing_their_slope() -> None:
    x = np.arange(5000, dtype=np.float64)
    assert len(thinned(x, x)[0]) <= 600
    found = trend(x, 3 * x)
    assert found is not None
    assert found.slope == pytest.approx(3)


def table(runs: int) -> str:
    """Rates in per cent, for docs/measurement.md."""
    rows = [
        "| series | n | plain MK 5 % | Hamed–Rao 5 % | with the rise | leak suspected |",
        "|---|---|---|---|---|---|",
    ]
    for kind, maker in {**NO_LEAK, **LOOKS_LIKE_ONE, **LEAK}.items():
        for n in (45, 60, 300):
            tests = simulated(maker, n, runs)
            up = [t for t in tests if t.trend is not None and t.trend.slope > 0 and t.rise_interval_bytes is not None]
            plain = sum(t.trend is not None and t.trend.p_plain < 0.05 for t in tests)
            corrected = sum(t.trend is not None and t.trend.p < 0.05 for t in tests)
            rise = sum(t.trend.p < 0.05 and t.rise_interval_bytes[0] > 5 * MB for t in up if t.trend)  # type: ignore[index]
            shares = (f"{100 * hits / runs:.1f}" for hits in (plain, corrected, rise, rate(tests) * runs))
            rows.append(f"| {kind} | {n} | {' | '.join(shares)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(int(sys.argv[1])))
