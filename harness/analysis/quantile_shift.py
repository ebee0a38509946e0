"""By how much a latency quantile of one run differs from that of another, as far as their requests tell.

Blocks of neighbouring seconds are drawn with replacement (circular blocks after Künsch 1989, n^⅓ seconds each), from
both runs, and the quantiles of what was drawn are subtracted. The interval is the wider, at each end, of that one and
of the one that the two runs' own intervals make (Zou & Donner 2008, "MOVER"). Neither includes how much runs of one
version differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.analysis.effective_size import block_length
from harness.analysis.histogram import bucket_bounds_us
from harness.analysis.lazy import FloatArray, np
from harness.analysis.tallies import Tally

DRAWS = 999
SEED = 20080521
AT_ONCE = 50
"""Draws that are in memory together."""

Interval = tuple[float, float]
Worsened = Callable[[float], float]


@dataclass(frozen=True, eq=False)
class Draws:
    """The quantiles, in microseconds, of what was drawn from each run; infinite where they fall among the failed."""

    first: FloatArray
    second: FloatArray

    def interval(self, confidence: float, worsened: Worsened) -> Interval:
        """Percentile interval, in microseconds, of the second less the first ``worsened``. Where both quantiles fall
        among failed requests, the difference may be anything.
        """
        before = np.array([worsened(value) for value in self.first.tolist()])
        both = np.isinf(before) & np.isinf(self.second)
        difference = self.second - np.where(both, 0.0, before)
        low = np.sort(np.where(both, -np.inf, difference))
        high = np.sort(np.where(both, np.inf, difference))
        cut = max(0, math.floor((1 - confidence) / 2 * (DRAWS + 1)) - 1)
        return float(low[cut]), float(high[DRAWS - 1 - cut])


def draws(first: Sequence[Tally], second: Sequence[Tally], q: float) -> Draws:
    """Of the ``q``-quantiles of two phases by second. Failed requests are slower than any answer."""
    random = np.random.default_rng(SEED)
    return Draws(_quantiles(first, q, random), _quantiles(second, q, random))


def from_intervals(first: float, of_first: Interval, second: float, of_second: Interval) -> Interval:
    """Of the second figure less the first, from the interval of each."""
    shift = second - first
    return (
        shift - math.hypot(second - of_second[0], of_first[1] - first),
        shift + math.hypot(of_second[1] - second, first - of_first[0]),
    )


def _quantiles(seconds: Sequence[Tally], q: float, random: np.random.Generator) -> FloatArray:
    """Of each draw, in microseconds, shape (DRAWS,)."""
    used = [second for second in seconds if second.intended]
    buckets = sorted({index for second in used for index in second.latency})
    place = {index: column for column, index in enumerate(buckets)}
    counts = np.zeros((len(used), len(buckets) + 1))
    for row, second in enumerate(used):
        for index, count in second.latency.items():
            counts[row, place[index]] = count
        counts[row, -1] = second.intended - second.ok
    values_us = np.array([*(float(bucket_bounds_us(index)[1]) for index in buckets), np.inf])
    length = max(1, block_length(len(used)))
    blocks = math.ceil(len(used) / length)
    found = []
    for begin in range(0, DRAWS, AT_ONCE):
        rows = min(AT_ONCE, DRAWS - begin)
        starts = random.integers(0, len(used), (rows, blocks))
        drawn = ((starts[:, :, None] + np.arange(length)) % len(used)).reshape(rows, -1)[:, : len(used)]
        times = np.zeros((rows, len(used)))
        np.add.at(times, (np.arange(rows)[:, None], drawn), 1)
        cumulative = (times @ counts).cumsum(axis=1)
        rank = np.maximum(1, np.ceil(q * cumulative[:, -1] - 1e-9))
        found.append(values_us[(cumulative < rank[:, None]).sum(axis=1)])
    return np.concatenate(found)
