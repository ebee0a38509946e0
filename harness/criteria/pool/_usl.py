"""The Universal Scalability Law fitted to throughput at several levels of concurrency.

X(N) = γN / (1 + σ(N−1) + κN(N−1)) (N. J. Gunther, *Guerrilla Capacity Planning*, 2007): γ is the throughput of one, σ
the share that waits its turn (contention), κ the cost of keeping each other up to date (coherency). With κ > 0 the
throughput has a peak at N* = √((1−σ)/κ) and falls beyond it.

N/X = a + b(N−1) + cN(N−1) with a = 1/γ, b = σ/γ, c = κ/γ is linear, and bounds of 0 on a, b, c are those on γ, σ, κ: so
the fit is one non-negative least squares (Lawson & Hanson 1974) of relative errors, exact and without a start value.

The intervals are a parametric bootstrap. Its errors are drawn with the scatter of the levels around the fitted curve,
whose own uncertainty is drawn, too (s²·ν/χ²_ν with ν = levels − 3), because a few levels know their scatter badly; what
the law cannot describe is in that scatter and widens the intervals. The bounds of 0 are left out of the resampling and
cut the finished intervals instead: a bootstrap of a fit that leans on a bound is too narrow.

A bounded pool is not of that shape: its throughput is min(N/R, C), straight and then flat. The law would bend that into
a peak that is not there; so where such a ceiling fits better, with a parameter less, it is what is found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.analysis.distributions import student_quantile
from harness.analysis.lazy import FloatArray, np, optimize

PARAMETERS = 3
FEWEST_LEVELS = 6
RESAMPLES = 1000
CONFIDENCE = 0.95
SEED = 20260314
NO_COHERENCY = 1e-12
"""Smaller is 0: what remains of it is rounding."""

Interval = tuple[float, float]
Number = TypeVar("Number", float, FloatArray)


@dataclass(frozen=True)
class Law:
    """γ in requests a second, σ and κ without a unit."""

    gamma: float
    sigma: float
    kappa: float

    def throughput(self, concurrency: float) -> float:
        return _throughput(self.gamma, self.sigma, self.kappa, concurrency)

    @property
    def peak(self) -> float | None:
        """N*, at least 1; None without one."""
        if self.kappa <= NO_COHERENCY:
            return None
        return max(1.0, math.sqrt(max(0.0, 1 - self.sigma) / self.kappa))


@dataclass(frozen=True)
class Ceiling:
    """X(N) = min(γN, C)."""

    gamma: float
    limit_per_s: float
    """C."""
    interval_per_s: Interval
    """Of C, by Student's t over the levels that reach it."""

    @property
    def knee(self) -> float:
        """The concurrency from which on throughput stays as it is."""
        return self.limit_per_s / self.gamma


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
    ceiling: Ceiling | None
    """Where it fits better than the law."""

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
    terms = np.column_stack([np.ones_like(n), n - 1, n * (n - 1)]) / (n / x)[:, None]
    (a, b, c), _ = optimize.nnls(terms, np.ones_like(n))
    if a <= 0:
        return None
    law = Law(1 / a, b / a, c / a)
    fitted = np.array([law.throughput(each) for each in n])
    gammas, sigmas, kappas = _resampled(n, terms)
    highest = float(n.max())
    kappa = _interval(np.maximum(0, kappas), law.kappa)
    kappa = (0.0 if kappa[0] <= NO_COHERENCY else kappa[0], kappa[1])
    peaks = _peaks(sigmas, kappas)
    best_per_s = _throughput(gammas, sigmas, kappas, np.minimum(highest, peaks))
    return Fit(
        law=law,
        gamma=_interval(gammas, law.gamma),
        sigma=_interval(np.maximum(0, sigmas), law.sigma),
        kappa=kappa,
        peak=_interval(peaks, law.peak) if kappa[0] > 0 and law.peak is not None else None,
        highest=highest,
        # A resampled law without bounds may have no limit.
        best_per_s=_interval(np.where(best_per_s > 0, best_per_s, math.inf), _best(law, highest)),
        ceiling=_ceiling(n, x, _squares(x, fitted)),
    )


def _squares(x: FloatArray, fitted: FloatArray) -> float:
    """Sum of squared relative errors."""
    return float(np.sum((x / fitted - 1) ** 2))


def _ceiling(n: FloatArray, x: FloatArray, of_law: float) -> Ceiling | None:
    """The ceiling that fits best, when it fits better than the law; at least two levels have to reach it."""
    order = np.argsort(n)
    n, x = n[order], x[order]
    best: Ceiling | None = None
    for below in range(1, len(n) - 1):
        gamma, limit = float(np.mean(x[:below] / n[:below])), float(np.mean(x[below:]))
        fitted = np.minimum(gamma * n, limit)
        squares = _squares(x, fitted)
        if squares < of_law:
            flat = x[below:]
            margin = float(
                student_quantile((1 + CONFIDENCE) / 2, len(flat) - 1) * np.std(flat, ddof=1) / math.sqrt(len(flat))
            )
            of_law, best = squares, Ceiling(gamma, limit, (limit - margin, limit + margin))
    return best


def _throughput(gamma: Number, sigma: Number, kappa: Number, n: Number) -> Number:
    return gamma * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


def _peaks(sigma: FloatArray, kappa: FloatArray) -> FloatArray:
    """:attr:`Law.peak` of each; infinite without one."""
    there = kappa > NO_COHERENCY
    peaks = np.sqrt(np.maximum(0, 1 - sigma) / np.where(there, kappa, 1))
    return np.where(there, np.maximum(1, peaks), math.inf)


def _resampled(n: FloatArray, terms: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """γ, σ and κ that might as well have been found. Relative errors of N/X and of X are the same where they are
    small.
    """
    solve = np.linalg.pinv(terms)
    free = solve @ np.ones_like(n)
    fitted = terms @ free  # N/X of the free fit, each in units of the measured one
    freedom = len(n) - PARAMETERS
    scatter = math.sqrt(float(np.sum((fitted - 1) ** 2)) / freedom)
    random = np.random.default_rng(SEED)
    scales = scatter * np.sqrt(freedom / random.chisquare(freedom, RESAMPLES))
    errors = scales[:, None] * random.standard_normal((RESAMPLES, len(n)))
    drawn = (fitted + errors) @ solve.T
    a, b, c = drawn[drawn[:, 0] > 0].T
    return 1 / a, b / a, c / a


def _best(law: Law, highest: float) -> float:
    return law.throughput(min(highest, law.peak if law.peak is not None else highest))


def _interval(values: FloatArray, figure: float) -> Interval:
    """From tail to tail, and the figure itself at least."""
    tail = (1 - CONFIDENCE) / 2
    ordered = np.sort(np.append(values, figure)).tolist()
    last = len(ordered) - 1
    return min(ordered[math.floor(tail * last)], figure), max(ordered[math.ceil((1 - tail) * last)], figure)
