"""Intervals of a ratio and of a latency quantile, wide enough for requests that are alike.

Requests of one second share a queue, a garbage collection, a failing connection, and so do neighbouring seconds. An
interval for independent values is then too narrow, so the exact one for independent values is taken at the *effective*
number of requests, see :mod:`harness.analysis.effective_size`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.analysis import histogram
from harness.analysis.distributions import beta_probability, beta_quantile, binomial_at_most, binomial_quantile
from harness.analysis.effective_size import (
    BOUND,
    ENOUGH_SECONDS,
    effective_size,
    is_one_event,
    is_steady,
    only_these,
    persistence_of,
    stretch_of_failures,
)
from harness.analysis.lazy import FloatArray, np
from harness.analysis.tallies import Tally
from harness.recording.values import Sparse

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimated:
    """A figure that would have been another one with other requests of the same kind."""

    low: float
    high: float
    only: str = ""
    """Where the requests say nothing of any others, why; or of what in others they say nothing."""
    is_sample: bool = True
    """Whether they show, by their own seconds, how others differ. They do where ``only`` is no more than that they are
    too few to have met what comes once in some minutes.
    """

    @property
    def interval(self) -> tuple[float, float]:
        return self.low, self.high


def clopper_pearson(hits: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact interval of a proportion (Clopper & Pearson 1934): never narrower than its confidence. (0, 1) for
    n = 0. An effective number of independent values may be no whole one.
    """
    if n == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else beta_quantile(tail, hits, n - hits + 1)
    high = 1.0 if hits == n else beta_quantile(1 - tail, hits + 1, n - hits)
    return low, high


def chance_of_more(hits: float, n: float, hits_before: float, n_before: float) -> float:
    """With which so many of all hits are of the later requests, when the share has not changed: conditional test of two
    rates (Przyborowski & Wilenski 1940), one-sided.
    """
    return float(beta_probability(n / (n + n_before), hits, hits_before + 1)) if hits else 1.0


def samples_needed(q: float, confidence: float = 0.95) -> int:
    """Smallest n for which the largest of n values is an upper bound of the ``q``-quantile: q^n ≤ 1 −
    confidence.

    59 for p95, 299 for p99 and 2,995 for p99.9 at 95 % (Hahn & Meeker, *Statistical Intervals*).
    """
    return math.ceil(math.log(1 - confidence) / math.log(q) - 1e-9)


def quantile_ranks(n: int, q: float, confidence: float = 0.95) -> tuple[int, int]:
    """Ranks (l, u) of the order statistics that bound the ``q``-quantile of n independent values.

    Two-sided with equal tails: l is the largest rank with P(Bin(n, q) < l) ≤ α/2, u the smallest with
    P(Bin(n, q) < u) ≥ 1 − α/2 (Hahn & Meeker). Where n is too small for that upper bound, the one-sided bound
    at the full confidence is taken, since a limit is exceeded on one side only. l = 0 and u = n + 1 mean
    "unbounded".
    """
    if n <= 0:
        return 0, 1
    alpha = 1 - confidence
    lower = int(binomial_quantile(alpha / 2, n, q))
    if binomial_at_most(n - 1, n, q) >= 1 - alpha / 2:
        upper = int(binomial_quantile(1 - alpha / 2, n, q)) + 1
    elif n >= samples_needed(q, confidence):
        upper = n
    else:
        upper = n + 1
    return lower, upper


def error_ratio(seconds: Sequence[Tally], confidence: float = CONFIDENCE) -> Estimated:
    """Failed ÷ intended over the seconds of a phase: Clopper & Pearson's interval at the effective number of requests.
    Where the failures are one event, and no sample, it is that of as many independent requests, and true of these only.
    Where there are requests that nobody knows about, it is from none of them failed to all of them.
    """
    found = _error_ratio(seconds, lambda second: second.failed, confidence)
    if not any(second.unknown for second in seconds):
        return found
    return replace(found, high=_error_ratio(seconds, lambda second: second.failed + second.unknown, confidence).high)


def _error_ratio(seconds: Sequence[Tally], failed_of: Callable[[Tally], int], confidence: float) -> Estimated:
    return share_of([failed_of(second) for second in seconds], [second.intended for second in seconds], confidence)


def share_of(
    hits: Sequence[int], requests: Sequence[int], confidence: float = CONFIDENCE, called: str = "failures"
) -> Estimated:
    """Hits ÷ requests, both by second and in their order, in the same way as :func:`error_ratio`: hits are what comes
    seldom, and may come in stretches.
    """
    counts = [(hit, asked) for hit, asked in zip(hits, requests, strict=True) if asked]
    if not counts:
        return Estimated(0.0, 1.0)
    failed, intended = np.array(counts, dtype=np.float64).T
    at_most = persistence_of(failed, intended, BOUND)
    # One event by what is seen: a bound, which few failures have high, would make one of many, whose interval is
    # narrower. In fewer seconds nothing can be seen, and they speak of their own requests only in any case.
    alike = persistence_of(failed, intended) if len(counts) >= ENOUGH_SECONDS else at_most
    worth, stretch_s = float(intended.sum()), stretch_of_failures(failed, intended)
    if not stretch_s and not is_one_event(len(counts), alike):
        worth = effective_size(failed, intended, at_most, confidence)
    low, high = clopper_pearson(float(failed.sum() / intended.sum()) * worth, worth, confidence)
    steady = alike == 0 and is_steady(failed, intended)
    return _estimated(low, high, len(counts), alike, stretch_s, steady, called)


def latency_quantile_us(seconds: Sequence[Tally], q: float, confidence: float = CONFIDENCE) -> Estimated:
    """A latency quantile in microseconds, failed requests counting as slower than any answer.

    The interval is that of order statistics (:func:`quantile_ranks`) at the effective number of requests (cf. Woodruff
    1952). The upper end is +inf when there are too few requests or too many of them failed; where only their effective
    number is too small, it is the slowest of them. A request that had no answer when the run was cut off counts as
    slower than any for the upper end, and as quick as it could still have been, answered at that instant, for the lower
    one.
    """
    found = _latency_quantile_us(seconds, q, confidence)
    if not any(second.unknown for second in seconds):
        return found
    return replace(found, low=_latency_quantile_us([*map(as_if_answered, seconds)], q, confidence).low)


def as_if_answered(second: Tally) -> Tally:
    """With the requests that had no answer when the run was cut off, answered well at that instant."""
    latency = histogram.merge([second.latency, second.waited])
    return replace(second, ok=second.ok + second.unknown, latency=latency, waited={})


def _latency_quantile_us(seconds: Sequence[Tally], q: float, confidence: float) -> Estimated:
    used = [second for second in seconds if second.intended]
    if not used:
        return Estimated(0.0, math.inf)
    merged = histogram.merge(second.latency for second in used)
    intended = _by_second(used, lambda second: second.intended)
    n = int(intended.sum())
    # What seconds share shows best where half of the requests are on either side.
    slower = _slower_than(used, merged, 0.5)
    alike = persistence_of(slower, intended)
    worth = max(2, int(effective_size(_slower_than(used, merged, q), intended, alike, confidence)))
    lower, upper = quantile_ranks(n, q, confidence)
    if worth < n:
        fewer_lower, fewer_upper = quantile_ranks(worth, q, confidence)
        lower = min(lower, fewer_lower * n // worth)
        upper = max(upper, min(n, -(-fewer_upper * n // worth)))
    low = histogram.values_at_us(merged, (lower,))[0] if lower > 0 else 0.0
    steady = alike == 0 and is_steady(slower, intended)
    return _estimated(low, histogram.values_at_us(merged, (upper,))[0], len(used), alike, 0, steady)


def _estimated(
    low: float, high: float, seconds: int, alike: float, stretch_s: int, steady: bool, hits: str = ""
) -> Estimated:
    is_sample = not only_these(seconds, alike, stretch_s)
    return Estimated(low, high, only_these(seconds, alike, stretch_s, steady, hits), is_sample)


def _slower_than(used: Sequence[Tally], merged: Sparse, q: float) -> FloatArray:
    """How many requests of each second were slower than the ``q``-quantile of all; failed ones are."""
    value_us = histogram.quantile_us(merged, q, sum(second.intended - second.ok for second in used))
    last = (
        max(merged, default=-1) if value_us is None or math.isinf(value_us) else histogram.bucket_index(int(value_us))
    )
    return _by_second(used, lambda each: each.intended - sum(n for at, n in each.latency.items() if at <= last))


def _by_second(seconds: Sequence[Tally], count: Callable[[Tally], int]) -> FloatArray:
    return np.fromiter(map(count, seconds), dtype=np.float64, count=len(seconds))
