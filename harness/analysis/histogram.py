"""Log-linear histogram of microseconds: three significant digits, mergeable by adding.

Values below 2,048 µs have a bucket each; above, every doubling is cut into 1,024 buckets, so a bucket is never
wider than 1/1024 of its value. Values saturate at one hour. This is the layout of HdrHistogram (Tene), with
``bit_length`` in place of its count of leading zeros, because recording must cost nanoseconds, not microseconds.
"""

from __future__ import annotations

SUB_BUCKET_BITS = 10
_LINEAR = 1 << (SUB_BUCKET_BITS + 1)
HIGHEST_US = 3_600_000_000


def bucket_index(value_us: int) -> int:
    """Index of the bucket of a value in microseconds; negative values count as 0, values above one hour saturate."""
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
