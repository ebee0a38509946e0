"""Intervals at 95 % of a ratio and of a latency quantile, wide enough for requests that are correlated.

Requests of one second share a queue, a garbage collection, a failing connection. An interval for independent
values is then too narrow, so each interval here is the wider of two: the exact one for independent values,
and a block bootstrap over one-second blocks (Künsch 1989 with block length one bin), when there are enough
seconds for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis import histogram
from harness.analysis.distributions import beta_quantile, binomial_at_most, binomial_quantile
from harness.analysis.lazy import LazyModule
from harness.analysis.phases import Tally
from harness.recording_values import Sparse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = LazyModule("numpy")

CONFIDENCE = 0.95
RESAMPLES = 1000
MINIMUM_BLOCKS = 8
"""Fewer seconds than this say nothing about the spread between seconds."""
SEED = 20260314
"""Fixed, so that a recording always gets the same verdict."""


def clopper_pearson(hits: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact interval of a proportion (Clopper & Pearson 1934): never narrower than its confidence. (0, 1) for
    n = 0.
    """
    if n == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else beta_quantile(tail, hits, n - hits + 1)
    high = 1.0 if hits == n else beta_quantile(1 - tail, hits + 1, n - hits)
    return low, high


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
    while lower > 0 and binomial_at_most(lower - 1, n, q) > alpha / 2:
        lower -= 1
    if binomial_at_most(n - 1, n, q) >= 1 - alpha / 2:
        upper = int(binomial_quantile(1 - alpha / 2, n, q)) + 1
    elif n >= samples_needed(q, confidence):
        upper = n
    else:
        upper = n + 1
    return lower, upper


def quantile_interval_us(latency: Sparse, q: float, slower: int = 0, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the ``q``-quantile in microseconds, from order statistics, free of any assumed
    distribution.

    The upper end is +inf when there are fewer than :func:`samples_needed` values ("insufficient"), or when
    its rank falls among the ``slower`` requests; the lower end is 0 when it is unbounded. It holds for
    independent values.
    """
    n = histogram.total(latency) + slower
    lower, upper = quantile_ranks(n, q, confidence)
    low = histogram.values_at_us(latency, (lower,))[0] if lower > 0 else 0.0
    high = histogram.values_at_us(latency, (upper,))[0]
    return low, high


def error_ratio(seconds: Sequence[Tally], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Interval of failed ÷ intended over the seconds of a phase: the wider of exact and block bootstrap. Where there
    are requests that nobody knows about, from none of them failed to all of them.
    """
    low, high = _error_ratio(seconds, lambda second: second.failed, confidence)
    if any(second.unknown for second in seconds):
        high = _error_ratio(seconds, lambda second: second.failed + second.unknown, confidence)[1]
    return low, high


def _error_ratio(seconds: Sequence[Tally], failed_of: Callable[[Tally], int], confidence: float) -> tuple[float, float]:
    failed = np.array([failed_of(second) for second in seconds if second.intended], dtype=np.float64)
    intended = np.array([second.intended for second in seconds if second.intended], dtype=np.float64)
    low, high = clopper_pearson(int(failed.sum()), int(intended.sum()), confidence)
    if len(intended) < MINIMUM_BLOCKS:
        return low, high
    weights = _weights(len(intended))
    ratios = (weights @ failed) / (weights @ intended)
    tail = (1 - confidence) / 2
    return min(low, float(np.quantile(ratios, tail))), max(high, float(np.quantile(ratios, 1 - tail)))


def latency_quantile_us(seconds: Sequence[Tally], q: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Interval in microseconds of a latency quantile, failed requests counting as slower than any answer.

    The wider of the order-statistic interval (:func:`quantile_interval_us`) and the block
    bootstrap. The upper end is +inf when there are too few requests or too many of them failed. A request that had no
    answer when the run was cut off counts as slower than any for the upper end, and as quick as it could still have
    been, answered at that instant, for the lower one.
    """
    low, high = _latency_quantile_us(seconds, q, confidence)
    if not any(second.unknown for second in seconds):
        return low, high
    answered = [_as_if_answered(second) for second in seconds]
    return _latency_quantile_us(answered, q, confidence)[0], high


def _as_if_answered(second: Tally) -> Tally:
    """With the requests that had no answer when the run was cut off, answered well at that instant."""
    latency = histogram.merge([second.latency, second.waited])
    return replace(second, ok=second.ok + second.unknown, latency=latency, waited={})


def _latency_quantile_us(seconds: Sequence[Tally], q: float, confidence: float) -> tuple[float, float]:
    merged = histogram.merge(second.latency for second in seconds)
    slower = sum(second.failed + second.unknown for second in seconds)
    low, high = quantile_interval_us(merged, q, slower, confidence)
    used = [second for second in seconds if second.intended]
    if len(used) < MINIMUM_BLOCKS or not merged:
        return low, high
    values = _resampled_quantiles(used, sorted(merged), q)
    tail = (1 - confidence) / 2
    # "lower"/"higher" keep an infinite neighbour from turning an interpolated value into NaN.
    boot_low = float(np.quantile(values, tail, method="lower"))
    boot_high = float(np.quantile(values, 1 - tail, method="higher"))
    return min(low, boot_low), max(high, boot_high)


def _weights(blocks: int) -> NDArray[np.float64]:
    """How often each block occurs in each resample, shape (RESAMPLES, blocks)."""
    random = np.random.default_rng(SEED)
    return random.multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES).astype(np.float64)


def _resampled_quantiles(used: Sequence[Tally], indexes: Sequence[int], q: float) -> NDArray[np.float64]:
    """The quantile in microseconds of each resample, shape (RESAMPLES,)."""
    column = {index: number for number, index in enumerate(indexes)}
    counts = np.zeros((len(used), len(indexes)))
    for row, second in enumerate(used):
        for index, count in second.latency.items():
            counts[row, column[index]] = count
    cumulative = np.cumsum(counts, axis=1)
    intended = np.array([second.intended for second in used], dtype=np.float64)
    upper_us = np.array([histogram.bucket_bounds_us(index)[1] for index in indexes] + [math.inf])
    values = []
    for weight in _weights(len(used)):
        reached = weight @ cumulative
        rank = math.ceil(q * float(weight @ intended) - 1e-9)
        values.append(upper_us[np.searchsorted(reached, rank)])
    return np.array(values)
