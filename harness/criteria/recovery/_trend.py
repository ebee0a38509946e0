"""Trend of a noisy, correlated series: Mann–Kendall test and Theil–Sen slope, both corrected for
autocorrelation.

Memory samples are strongly correlated, and a plain Mann–Kendall test takes slow wandering for a trend. Hamed
& Rao (1998) widen its variance by the autocorrelation of the ranks of the detrended series. The same factor
widens the bounds of the slope (Sen 1968). The correction is never allowed to make a trend *more* significant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from harness.analysis.distributions import normal_above, normal_quantile, ranks
from harness.analysis.lazy import FloatArray, np

MINIMUM_SAMPLES = 10
MOST_SAMPLES = 600
"""Longer series are thinned to block medians, because the work grows with the square of the length."""


@dataclass(frozen=True)
class Trend:
    """Monotonic trend of y over x, slopes in units of y per unit of x."""

    samples: int
    tau: float
    """Kendall's S ÷ number of pairs, from −1 to 1."""
    p_plain: float
    """Two-sided p of the plain Mann–Kendall test."""
    p: float
    """The same with the variance corrected."""
    correction: float
    """Factor on the variance of S, at least 1."""
    slope: float
    """Theil–Sen: median of the slopes of all pairs."""
    slope_interval: tuple[float, float]
    """Bounds of the slope, with the corrected variance."""


def trend(
    x: FloatArray, y: FloatArray, confidence: float = 0.95, correction: Callable[[FloatArray], float] | None = None
) -> Trend | None:
    """Trend of y over increasing x, both of shape (n,). None for fewer than 10 samples.

    ``correction`` gives the factor on the variance of S from the series without its trend; by default Hamed and Rao's.
    """
    if len(x) < MINIMUM_SAMPLES:
        return None
    x, y = thinned(x, y)
    n = len(x)
    first, second = np.triu_indices(n, 1)
    rises = y[second] - y[first]
    slopes = np.sort(rises / (x[second] - x[first]))
    slope = float(np.median(slopes))
    s = float(np.sign(rises).sum())
    variance = _variance(y)
    factor = (correction or hamed_rao)(y - slope * x)
    quantile = normal_quantile((1 + confidence) / 2)
    spread = quantile * math.sqrt(variance * factor)
    low = max(0, round((len(slopes) - spread) / 2))
    high = min(len(slopes) - 1, round((len(slopes) + spread) / 2))
    return Trend(
        samples=n,
        tau=s / len(slopes),
        p_plain=_p(s, variance),
        p=_p(s, variance * factor),
        correction=factor,
        slope=slope,
        slope_interval=(float(slopes[low]), float(slopes[high])),
    )


def hamed_rao(detrended: FloatArray) -> float:
    """Factor on the variance of S for an autocorrelated series of shape (n,) without its trend; at least 1.

    1 + 2/(n(n−1)(n−2)) · Σ (n−i)(n−i−1)(n−i−2) ρ(i) over the lags i whose rank autocorrelation ρ(i) is
    significant at 5 % (Hamed & Rao, *J. Hydrology* 204, 1998, eq. 9). Capped below at 1: an alternating
    series is no better evidence.
    """
    n = len(detrended)
    ranked = ranks(detrended)
    centred = ranked - ranked.mean()
    power = float(centred @ centred)
    if power == 0:
        return 1.0
    lags = np.arange(1, n - 2)
    rho = np.array([centred[:-lag] @ centred[lag:] for lag in lags]) / power
    rho[np.abs(rho) < normal_quantile(0.975) / math.sqrt(n)] = 0
    weights = (n - lags) * (n - lags - 1.0) * (n - lags - 2.0)
    return max(1.0, 1 + 2 / (n * (n - 1.0) * (n - 2.0)) * float(weights @ rho))


def thinned(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """At most ``MOST_SAMPLES`` points: medians of equally long blocks, an incomplete last one left out."""
    block = -(-len(x) // MOST_SAMPLES)
    if block == 1:
        return x, y
    whole = len(x) // block * block
    return np.median(x[:whole].reshape(-1, block), axis=1), np.median(y[:whole].reshape(-1, block), axis=1)


def _variance(y: FloatArray) -> float:
    """Variance of S for independent values, with the usual correction for ties."""
    n = len(y)
    _, ties = np.unique(y, return_counts=True)
    tied = float((ties * (ties - 1.0) * (2.0 * ties + 5)).sum())
    return (n * (n - 1.0) * (2.0 * n + 5) - tied) / 18


def _p(s: float, variance: float) -> float:
    """Two-sided p of S, with continuity correction; 1 where every value is the same."""
    if variance <= 0:
        return 1.0
    return 2 * normal_above(max(0.0, abs(s) - 1) / math.sqrt(variance))
