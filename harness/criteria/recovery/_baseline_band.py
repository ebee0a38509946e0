"""What is normal, learned from the baseline: thresholds, and how much its windows vary by themselves.

Two shares of a window's requests are held against the baseline, because each sees what the other cannot. *Bad* ones
failed or missed the SLO: errors and slow tails. *Slow* ones failed or took longer than the median may: a target that is
slower for everybody, even when the baseline has so long a tail that its p95, and with it the SLO, lies above the
slower latency. Normal is a target of which no more are bad than in the baseline + 0.1, and no more than half slow.
That is the threshold everywhere: of the recovery, of a single bad window, and of what is needed for a pass.

Requests of a window share a queue. Where the baseline's windows differ by more than chance, a request is worth less
than one: 1 ÷ (φ·(1 + r)/(1 − r)), φ by Pearson's χ², r the autocorrelation of the windows (AR(1)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from harness.analysis.distributions import beta_probability, beta_quantile, chi_square_quantile, student_quantile
from harness.analysis.intervals import chance_of_more
from harness.analysis.lazy import BoolArray, FloatArray, IntArray, NDArray, np
from harness.analysis.quality import Windows
from harness.criteria.recovery._bursts import FEWEST_WINDOWS, is_by_turns, standing_out
from harness.criteria.recovery._levels import Posterior, posterior

SHARE_FLOOR = 0.1
"""Share of bad requests above the baseline's that is still normal."""
LONG_SHARE_FLOOR = 0.05
"""The same over many windows together."""
SLOW_SHARE = 0.5
"""Of so many requests the median makes."""
CHANCE = 0.005
"""With which a single window of a target at the threshold counts as outside."""
EFFECTIVE_WINDOWS = 15
"""Fewer independent windows of the baseline do not show what is normal."""
PROOF = 0.001
"""Chance with which two stretches of the same target are taken for different ones."""
MAXIMUM_CORRELATION = 0.95


@dataclass(frozen=True)
class Share:
    """One share of the requests, and what the baseline says of it."""

    of: Callable[[Windows], IntArray]
    """How many requests of each window it is about."""
    ratio: float
    """In the whole baseline."""
    threshold: float
    windows: int
    """Of the baseline that had requests."""
    requests: int
    """Of the baseline."""
    inflation: float
    """φ ≥ 1: variance of the baseline's windows ÷ variance by chance; 1 where they differ by no more than chance."""
    correlation: float
    """r ≥ 0 of neighbouring windows of the baseline; 0 where they differ by no more than chance."""
    outside_before: int
    """Windows of the baseline that were outside."""

    @property
    def effective_windows(self) -> float:
        """So many independent windows would say as much as the baseline's: n(1 − r)/(1 + r)."""
        return _effective(self.windows, self.correlation)

    @property
    def is_told(self) -> bool:
        """Whether the baseline shows what is normal."""
        return self.correlation == 0 or self.effective_windows >= EFFECTIVE_WINDOWS

    @property
    def varies(self) -> bool:
        """Whether the windows of the baseline differ by more than chance."""
        return self.inflation > 1

    def outside(self, windows: Windows) -> BoolArray:
        """Windows that a target at the threshold would have in one of 200 cases."""
        return windows.evident & _beyond(self.of(windows), windows.intended, self.threshold, self.inflation)

    def bursts(self, windows: Windows, counted: BoolArray) -> NDArray[np.intp] | None:
        """Where the hits come by turns, more of them than in the baseline: the windows that have most of them, where
        some do. None where they do not. Where the baseline's windows differ by more than chance themselves, they have
        to differ by more than those (Pearson's χ², 0.5 %), and the share has to be larger (5 %).
        """
        hits, n = self.of(windows)[counted], windows.intended[counted]
        if self.varies:
            found = self._differs_by_more(hits, n)
        else:
            found = is_by_turns(hits, n, round(self.ratio * self.requests), self.requests)
        return np.flatnonzero(counted)[standing_out(hits, n)] if found else None

    def _differs_by_more(self, hits: IntArray, n: IntArray) -> bool:
        if len(n) < FEWEST_WINDOWS or hits.sum() < 2:
            return False
        stay = np.arange(len(n)) != int(np.argmax(hits - n * hits.sum() / n.sum()))
        hits, n = hits[stay], n[stay]
        ratio, freedom = float(hits.sum() / n.sum()), len(n) - 1
        if not 0 < ratio < 1:
            return False
        square = float(((hits - n * ratio) ** 2 / (n * ratio * (1 - ratio))).sum()) / self.inflation
        weight = _effective(1, self.correlation) / self.inflation
        bad, bad_before = weight * float(hits.sum()), weight * self.ratio * self.requests
        is_larger = chance_of_more(bad, float(n.sum()), bad_before, self.requests) <= 0.05
        return is_larger and square > chi_square_quantile(1 - CHANCE, freedom)

    def posterior(self, windows: Windows, counted: BoolArray) -> Posterior:
        """When the share is at or below the threshold; of the windows that are counted."""
        weight = counted * _effective(1, self.correlation) / self.inflation
        return posterior(self.of(windows) * weight, windows.intended * weight, self.threshold)


@dataclass(frozen=True)
class Drift:
    """How the latency of the baseline's windows wanders, which may not have reached the thresholds yet."""

    windows: int
    correlation: float
    """r ≥ 0 of neighbouring windows' mean logarithm of the latency."""
    reaches: bool
    """Whether three standard deviations of it are as much as slower is allowed."""

    @property
    def effective_windows(self) -> float:
        return _effective(self.windows, self.correlation)

    @property
    def is_told(self) -> bool:
        return not self.reaches or self.effective_windows >= EFFECTIVE_WINDOWS


@dataclass(frozen=True)
class Band:
    """What is normal."""

    bad: Share
    slow: Share
    failed: Share
    """Failures alone: what queues and slow seconds cannot do."""
    drift: Drift

    def outside(self, windows: Windows) -> BoolArray:
        """Windows that stand out by themselves."""
        return self.bad.outside(windows) | self.slow.outside(windows)

    def is_worse(self, bad: int, intended: int) -> bool:
        """Whether the share of bad requests is proven (Clopper & Pearson, one-sided, 99 %) to be larger than the
        baseline's + 0.05: in many windows together chance evens out.
        """
        return bad > 0 and beta_quantile(0.01, bad, intended - bad + 1) > self.bad.ratio + LONG_SHARE_FLOOR

    def bursts(self, since: Windows, passed_over: BoolArray) -> NDArray[np.intp] | None:
        """Where bad requests come by turns, more of them than in the baseline, so that no single window stands out and
        yet some are beyond the threshold: see :meth:`Share.bursts`. Windows that are passed over because the baseline
        has slow ones, too, count for what failed in them.
        """
        told = since.intended > 0
        found = self.bad.bursts(since, told & ~passed_over), self.failed.bursts(since, told)
        known = [windows for windows in found if windows is not None]
        return np.unique(np.concatenate(known)) if known else None

    def may_be_beyond(self, bad: int, intended: int) -> float | None:
        """The 95 % upper bound (Clopper & Pearson, one-sided) of the share of bad requests, where it is beyond the
        threshold: then nobody can say that the target is normal. None where it is not.
        """
        upper = 1.0 if bad >= intended else float(beta_quantile(0.95, bad + 1, intended - bad))
        return upper if upper > self.bad.threshold else None


def band(baseline: Windows, log_latency: FloatArray, allowed_ratio: float) -> Band:
    """The band of a baseline, of which there must be at least one window with requests. ``log_latency`` is the mean
    logarithm of each window's latency, ``allowed_ratio`` what the median may be ÷ what it is.
    """
    return Band(
        bad=_share(baseline, lambda windows: windows.bad, SHARE_FLOOR),
        slow=_share(baseline, lambda windows: windows.slow, None),
        failed=_share(baseline, lambda windows: windows.failed, SHARE_FLOOR),
        drift=_drift(log_latency, allowed_ratio),
    )


def _drift(log_latency: FloatArray, allowed_ratio: float) -> Drift:
    residual = log_latency - log_latency.mean() if len(log_latency) else log_latency
    deviation = float(residual.std()) if len(residual) > 2 else 0.0
    if deviation == 0.0:
        return Drift(len(residual), 0.0, False)
    # Not made up for: of independent windows 2 in 100 would be taken for correlated ones, and so 5.
    return Drift(len(residual), _raw_autocorrelation(residual), 3 * deviation >= math.log(allowed_ratio))


def larger(before: FloatArray, after: FloatArray, chance: float = PROOF) -> bool:
    """Whether the mean of correlated windows is proven to be larger after than before: Welch's test with as many
    windows as are independent.
    """
    if min(len(before), len(after)) < 3:
        return False
    residuals = [values - values.mean() for values in (before, after)]
    effective = [max(2.0, _independent(residual)) for residual in residuals]
    square = sum(float(each.var(ddof=1)) / n for each, n in zip(residuals, effective, strict=True))
    quantile = student_quantile(1 - chance, min(effective) - 1)
    return bool(after.mean() - before.mean() > quantile * math.sqrt(square))


def times_slower(before: FloatArray, after: FloatArray, chance: float = PROOF) -> float | None:
    """How many times as long latencies are, by the means of their logarithms; None where they are not proven to be
    longer, see :func:`larger`.
    """
    return math.exp(float(after.mean() - before.mean())) if larger(before, after, chance) else None


def _independent(residual: FloatArray) -> float:
    """As many independent windows say as much about the mean: n ÷ the integrated autocorrelation time (Geyer 1992,
    up to the first lag without correlation), or by AR(1) where that is fewer. Queues remember for longer than AR(1).
    """
    n, square = len(residual), max(1e-12, float(residual @ residual))
    time = 1.0
    for lag in range(1, n // 3):
        correlation = float(residual[:-lag] @ residual[lag:]) / square
        if correlation <= 0:
            break
        time += 2 * correlation
    return min(n / time, _effective(n, _autocorrelation(residual)))


def _effective(windows: float, correlation: float) -> float:
    """Independent windows that say as much about the mean: n(1 − r)/(1 + r), of an AR(1) series."""
    return windows * (1 - correlation) / (1 + correlation)


def _autocorrelation(residual: FloatArray) -> float:
    """Of neighbours, from 0 to 0.95; of a short series it comes out too small, which is made up for."""
    raw = _raw_autocorrelation(residual)
    # Marriott & Pope 1954.
    return min(MAXIMUM_CORRELATION, max(0.0, raw + (1 + 4 * raw) / len(residual)))


def _raw_autocorrelation(residual: FloatArray) -> float:
    return max(0.0, float(residual[:-1] @ residual[1:]) / max(1e-12, float(residual @ residual)))


def _share(baseline: Windows, of: Callable[[Windows], IntArray], floor: float | None) -> Share:
    used = baseline.intended > 0
    hits, n = of(baseline)[used], baseline.intended[used]
    ratio = float(hits.sum() / n.sum())
    threshold = SLOW_SHARE if floor is None else min(0.99, ratio + floor)
    inflation, correlation = _variation(hits, n, ratio)
    outside = baseline.evident & _beyond(of(baseline), baseline.intended, threshold, inflation)
    return Share(of, ratio, threshold, len(n), int(n.sum()), inflation, correlation, int(outside.sum()))


def _beyond(hits: IntArray, n: IntArray, threshold: float, inflation: float) -> BoolArray:
    """Whether P(Bin(n, threshold) ≥ hits) is below ``CHANCE``, requests being worth 1 ÷ inflation."""
    by_chance = beta_probability(threshold, np.maximum(hits, 1e-9) / inflation, (n - hits) / inflation + 1)
    return np.asarray((hits > 0) & (by_chance < CHANCE), dtype=np.bool_)


def _variation(hits: IntArray, n: IntArray, ratio: float) -> tuple[float, float]:
    """φ and r of the baseline's windows; 1 and 0 unless χ² says, at 5 %, that they differ by more than chance."""
    freedom = len(n) - 1
    if freedom < 2 or hits.sum() < 2 or not 0 < ratio < 1:
        return 1.0, 0.0
    residual = (hits - n * ratio) / np.sqrt(n * ratio * (1 - ratio))
    square = float(residual @ residual)
    if square <= chi_square_quantile(0.95, freedom):
        return 1.0, 0.0
    return square / freedom, _autocorrelation(residual)
