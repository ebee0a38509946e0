"""The Universal Scalability Law fitted to throughput at several levels of concurrency.

X(N) = γN / (1 + σ(N−1) + κN(N−1)) (N. J. Gunther, *Guerrilla Capacity Planning*, 2007): γ is the throughput of one, σ
the share that waits its turn (contention), κ the cost of keeping each other up to date (coherency). With κ > 0 the
throughput has a peak at N* = √((1−σ)/κ) and falls beyond it.

N/X = a + b(N−1) + cN(N−1) with a = 1/γ, b = σ/γ, c = κ/γ is linear, and bounds of 0 on a, b, c are those on γ, σ, κ: so
the fit is one non-negative least squares (Lawson & Hanson 1974) of relative errors, exact and without a start value.

The intervals are a parametric bootstrap. Its errors are drawn with the scatter of the levels around the fitted curve,
whose own uncertainty is drawn, too (s²·ν/χ²_ν with ν = levels − 3), because a few levels know their scatter badly; what
the law cannot describe is in that scatter and widens the intervals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

PARAMETERS = 3
FEWEST_LEVELS = 6
RESAMPLES = 1000
CONFIDENCE = 0.95
SEED = 20260314
NO_COHERENCY = 1e-12
"""Smaller is 0: what remains of it is rounding."""

FloatArray = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Law:
    """γ in requests a second, σ and κ without a unit."""

    gamma: float
    sigma: float
    kappa: float

    def throughput(self, concurrency: float) -> float:
        n = concurrency
        return self.gamma * n / (1 + self.sigma * (n - 1) + self.kappa * n * (n - 1))

    @property
    def peak(self) -> float | None:
        """N*, at least 1; None without one."""
        if self.kappa <= NO_COHERENCY:
            return None
        return max(1.0, math.sqrt(max(0.0, 1 - self.sigma) / self.kappa))


@dataclass(frozen=True)
class Fit:
    """The law that fits best, with 95 % intervals."""

    law: Law
    gamma: Interval
    sigma: Interval
    kappa: Interval
    peak: Interval | None
    """Of N*; None when the interval of κ touches 0, so that there may be no peak at all."""
    highest: float
    """The highest concurrency that was measured; beyond it the law is a guess."""
    best_per_s: Interval
    """Of the highest throughput within the concurrency measured."""

    @property
    def peak_in_range(self) -> bool:
        """Whether the whole interval of N* lies within what was measured."""
        return self.peak is not None and self.peak[1] <= self.highest

    def best(self) -> float:
        """Highest throughput of the law within the concurrency measured, per second."""
        return _best(self.law, self.highest)


def fit(concurrency: Sequence[float], throughput_per_s: Sequence[float]) -> Fit | None:
    """The law through one pair a level. None with fewer than FEWEST_LEVELS levels of different concurrency and some
    throughput, or where no throughput follows from them.
    """
    pairs = [(n, x) for n, x in zip(concurrency, throughput_per_s, strict=True) if n > 0 and x > 0]
    if len({round(n, 6) for n, _ in pairs}) < FEWEST_LEVELS:
        return None
    n, x = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    law = _law(n, x)
    if law is None:
        return None
    fitted = np.array([law.throughput(each) for each in n])
    freedom = len(n) - PARAMETERS
    scatter = math.sqrt(float(np.sum((x / fitted - 1) ** 2)) / freedom)
    highest = float(n.max())
    drawn = _resampled(n, fitted, scatter, freedom)
    kappa = _interval([each.kappa for each in drawn])
    kappa = (0.0 if kappa[0] <= NO_COHERENCY else kappa[0], kappa[1])
    peaks = [each.peak if each.peak is not None else math.inf for each in drawn]
    return Fit(
        law=law,
        gamma=_interval([each.gamma for each in drawn]),
        sigma=_interval([each.sigma for each in drawn]),
        kappa=kappa,
        peak=_interval(peaks) if kappa[0] > 0 and law.peak is not None else None,
        highest=highest,
        best_per_s=_interval([_best(each, highest) for each in drawn]),
    )


def _law(n: FloatArray, x: FloatArray) -> Law | None:
    y = n / x
    terms = np.column_stack([np.ones_like(n), n - 1, n * (n - 1)])
    (a, b, c), _ = nnls(terms / y[:, None], np.ones_like(n))
    return Law(1 / a, b / a, c / a) if a > 0 else None


def _resampled(n: FloatArray, fitted: FloatArray, scatter: float, freedom: int) -> list[Law]:
    random = np.random.default_rng(SEED)
    scales = scatter * np.sqrt(freedom / random.chisquare(freedom, RESAMPLES))
    errors = scales[:, None] * random.standard_normal((RESAMPLES, len(n)))
    # An error that would leave no throughput at all is cut off.
    drawn = [_law(n, fitted * (1 + row)) for row in np.maximum(errors, -0.95)]
    return [law for law in drawn if law is not None]


def _best(law: Law, highest: float) -> float:
    return law.throughput(min(highest, law.peak if law.peak is not None else highest))


def _interval(values: Sequence[float]) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[math.floor(tail * last)], ordered[math.ceil((1 - tail) * last)]
