"""Log-linear histogram of microseconds: three significant digits, mergeable by adding.

Values below 2,048 µs have a bucket each; above, every doubling is cut into 1,024 buckets, so a bucket is
never wider than 1/1024 of its value. Values saturate at one hour. This is the layout of HdrHistogram (Tene), with
``bit_length`` in place of its count of leading zeros, because recording must cost nanoseconds, not microseconds.

A histogram is a mapping of bucket index → count. A quantile is reported as the highest value of its bucket,
so rounding never makes a service look faster. Requests that failed have no place in a bucket; where they must
not make latency look better they are passed as ``slower``: that many requests, slower than any answer.

The load processes import this module, so it needs numpy only for what was read from a recording; intervals are
in :mod:`harness.analysis.intervals`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TypeVar

from harness.analysis.lazy import IntArray, np
from harness.recording.blocks import Histograms
from harness.recording.slices import Packed
from harness.recording.values import Sparse

Key = TypeVar("Key", int, str)
MANY = 16
"""Histograms that are added up by numpy; fewer are not worth it."""
SUB_BUCKET_BITS = 10
_LINEAR = 1 << (SUB_BUCKET_BITS + 1)
HIGHEST_US = 3_600_000_000


def bucket_index(value_us: int) -> int:
    """Index of the bucket of a value in microseconds; negative values count as 0, values above one hour
    saturate.
    """
    if value_us < _LINEAR:
        return value_us if value_us > 0 else 0
    if value_us > HIGHEST_US:
        value_us = HIGHEST_US
    shift = value_us.bit_length() - SUB_BUCKET_BITS - 1
    return (shift << SUB_BUCKET_BITS) + (value_us >> shift)


def bucket_bounds_us(index: int) -> tuple[int, int]:
    """Lowest and highest value, in microseconds, both inclusive, that fall into bucket ``index``."""
    if index < _LINEAR:
        return index, index
    shift = (index >> SUB_BUCKET_BITS) - 1
    low = (index - (shift << SUB_BUCKET_BITS)) << shift
    return low, low + (1 << shift) - 1


def merge(histograms: Iterable[Sparse]) -> Sparse:
    """The sum of histograms; the order does not matter."""
    parts = list(histograms)
    if len(parts) >= MANY and all(isinstance(part, Packed) for part in parts):
        return _merged([part for part in parts if isinstance(part, Packed)])
    merged: dict[int, int] = {}
    for part in parts:
        add(merged, part)
    return merged


def _merged(parts: Sequence[Packed]) -> Packed:
    """Those of a recording that was read, added up at once."""
    rows = pairs(parts)
    counts = np.bincount(rows[:, 0], rows[:, 1])  # as floats, which are exact up to 2**53
    indexes = np.flatnonzero(counts)
    numbers = np.stack([indexes.astype(np.int64), counts[indexes].astype(np.int64)], axis=1)
    return next(Histograms(numbers, np.array([0, len(numbers)])).packed())


def columns(histograms: Sequence[Sparse]) -> tuple[IntArray, IntArray, IntArray]:
    """All that is in them, one behind the other, each of shape (values,): the place of its histogram, index, count."""
    parts = [Packed.of(each) for each in histograms]
    rows = pairs(parts) if parts else np.empty((0, 2), dtype=np.int64)
    return np.repeat(np.arange(len(parts)), [len(part) for part in parts]), rows[:, 0], rows[:, 1]


def pairs(parts: Sequence[Packed]) -> IntArray:
    """Index and count of all that is in them, one behind the other, shape (values, 2)."""
    numbers = [part.numbers for part in parts]
    if all(each.typecode == "I" for each in numbers):
        joined = np.frombuffer(b"".join(numbers), dtype=np.uint32)
    else:
        joined = np.concatenate([np.array(each, dtype=np.int64) for each in numbers])
    return joined.astype(np.int64).reshape(-1, 2)


def add(merged: dict[Key, int], histogram: Mapping[Key, int]) -> None:
    # Not Counter.update: it takes twice as long, and a master adds up what all its nodes report.
    known = merged.get
    for index, count in histogram.items():
        merged[index] = known(index, 0) + count


def subtract(merged: dict[Key, int], histogram: Mapping[Key, int]) -> None:
    """Takes ``histogram`` off ``merged``, which holds it."""
    for index, count in histogram.items():
        if left := merged[index] - count:
            merged[index] = left
        else:
            del merged[index]


def last_bucket_within(limit_s: float) -> int:
    """Index of the last bucket that ends at or below the limit."""
    if limit_s * 1e6 >= HIGHEST_US:
        return bucket_index(HIGHEST_US)
    index = bucket_index(math.floor(limit_s * 1e6))
    return index if bucket_bounds_us(index)[1] <= limit_s * 1e6 else index - 1


def within(histogram: Sparse, limit_s: float) -> int:
    """How many values lie in buckets that end at or below the limit."""
    last = last_bucket_within(limit_s)
    return sum(count for index, count in histogram.items() if index <= last)


def total(histogram: Sparse) -> int:
    """How many values were recorded."""
    return sum(histogram.values())


def mean_us(histogram: Sparse) -> float | None:
    """Mean of the middles of the buckets, in microseconds: within 1/2048 of the values' mean. None without values."""
    n = total(histogram)
    if n == 0:
        return None
    return sum(count * sum(bucket_bounds_us(index)) / 2 for index, count in histogram.items()) / n


def count_at_most(histogram: Sparse, value_us: float) -> int:
    """How many values lie in buckets that end at or below ``value_us``."""
    beyond = _first_beyond(value_us)
    if isinstance(histogram, Packed):
        return sum(histogram.numbers[1 : 2 * bisect_left(histogram.numbers[::2], beyond) : 2])
    return sum(count for index, count in histogram.items() if index < beyond)


@lru_cache(maxsize=1024)
def _first_beyond(value_us: float) -> int:
    """The first bucket that ends above ``value_us``."""
    highest = bucket_index(HIGHEST_US)
    if value_us >= bucket_bounds_us(highest)[1]:
        return highest + 1
    return bucket_index(math.floor(value_us) + 1)


def quantile_us(histogram: Sparse, q: float, slower: int = 0) -> float | None:
    """The ``q``-quantile in microseconds, see :func:`quantiles_us`."""
    return quantiles_us(histogram, (q,), slower)[0]


def quantiles_us(histogram: Sparse, qs: Sequence[float], slower: int = 0) -> tuple[float | None, ...]:
    """Nearest-rank quantiles in microseconds, all from one cumulative pass.

    The q-quantile of n values is the one of rank ⌈q·n⌉ (the inverse of the empirical distribution; type 1 of
    Hyndman & Fan 1996). None without values; +inf where the rank falls among the ``slower`` requests.
    """
    n = total(histogram) + slower
    if n == 0:
        return (None,) * len(qs)
    return values_at_us(histogram, [rank(q, n) for q in qs])


def rank(q: float, n: int) -> int:
    """The 1-based rank of the ``q``-quantile of ``n`` values."""
    # The tiny subtraction keeps 0.95 · 20 = 19.000000000000004 from becoming rank 20.
    return min(n, max(1, math.ceil(q * n - 1e-9)))


def values_at_us(histogram: Sparse, ranks: Sequence[int]) -> tuple[float, ...]:
    """Values in microseconds at the given 1-based ranks; +inf beyond the last value."""
    if isinstance(histogram, Packed):
        indexes, counts = histogram.numbers[::2].tolist(), histogram.numbers[1::2].tolist()
    else:
        indexes = sorted(histogram)
        counts = [histogram[index] for index in indexes]
    cumulative = list(accumulate(counts))
    positions = [bisect_left(cumulative, rank) for rank in ranks]
    return tuple(
        float(bucket_bounds_us(indexes[position])[1]) if position < len(indexes) else math.inf for position in positions
    )
