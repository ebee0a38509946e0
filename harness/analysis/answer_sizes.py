"""How long bodies are, in buckets: eight to a doubling, so one is never wider than an eighth of its length.

A recording keeps how many good answers of a second had which length, so that a short page among long ones shows, which
a sum of bytes would hide. The length of a compressed body is its length after decompression.
"""

from __future__ import annotations

from functools import lru_cache

SUB_BUCKET_BITS = 3
_LINEAR = 1 << (SUB_BUCKET_BITS + 1)
LONGEST_BYTES = 2**53 - 1
_GZIP = b"\x1f\x8b"
_SMALLEST_GZIP_BYTES = 18
_MOST_PER_GZIP_BYTE = 1032
"""What a byte of a gzip member unpacks to at most (the technical notes of zlib, "Maximum Compression Factor")."""
_GZIP_OVERHEAD_BYTES = 64
"""Header, trailer and empty blocks of a member that has next to nothing in it, with something to spare."""


@lru_cache(maxsize=1000)
def size_index(size_bytes: int) -> int:
    """Index of the bucket of a length; negative ones count as 0, and any above as the longest."""
    size_bytes = min(size_bytes, LONGEST_BYTES)
    if size_bytes < _LINEAR:
        return size_bytes if size_bytes > 0 else 0
    shift = size_bytes.bit_length() - SUB_BUCKET_BITS - 1
    return (shift << SUB_BUCKET_BITS) + (size_bytes >> shift)


def middle_bytes(index: int) -> float:
    if index < _LINEAR:
        return float(index)
    shift = (index >> SUB_BUCKET_BITS) - 1
    low = (index - (shift << SUB_BUCKET_BITS)) << shift
    return low + ((1 << shift) - 1) / 2


def content_bytes(body: bytes) -> int:
    """How long a body is that may be compressed: a gzip member ends with the length of what is in it (RFC 1952, 2.3.1),
    so it need not be unpacked. Of any other coding it is the length as it came, and so it is where the last bytes tell
    one that it cannot have: the member was cut off, or it is not the only one.
    """
    came = len(body)
    if body[:2] == _GZIP and came >= _SMALLEST_GZIP_BYTES:
        told = int.from_bytes(body[-4:], "little")
        if (came - _GZIP_OVERHEAD_BYTES) / 2 <= told <= came * _MOST_PER_GZIP_BYTE:
            return told
    return came
