"""Slices of a recording that is read, by columns: of an hour hundreds of thousands are checked and added up.

Those that were written together are a block, whose histograms stand one behind the other in an array of numpy. Only
what is not a number (names, outcomes) is handled slice by slice.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, TypeAlias

from harness.recording import Slice
from harness.recording.slices import Packed, Row, key_of, slice_of
from harness.recording.values import HIGHEST_BUCKET, HIGHEST_SIZE_BUCKET, OK, Sparse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.int64]

_PACKED_END = 2**32


@dataclass(frozen=True, eq=False)
class Histograms:
    """One a row. ``numbers`` has shape (values, 2), index and count; those of a row lie between two of ``ends``."""

    numbers: Numbers
    ends: Numbers
    """Shape (rows + 1,)."""

    def totals(self) -> Numbers:
        """How many values each has."""
        import numpy as np

        before = np.concatenate([[0], np.cumsum(self.numbers[:, 1])])[self.ends]
        return np.asarray(before[1:] - before[:-1], dtype=np.int64)

    def part(self, first: int, end: int) -> Histograms:
        ends = self.ends[first : end + 1]
        return Histograms(self.numbers[ends[0] : ends[-1]], ends - ends[0])

    def packed(self) -> Iterator[Packed]:
        for of in split(self.numbers, self.ends):
            yield Packed(of)


@dataclass(frozen=True, eq=False)
class Block:
    """Slices that are checked or added up together."""

    rows: Sequence[Row]
    latency: Histograms
    service: Histograms
    """Where it is not told, latency."""
    sizes: Histograms
    """Empty where it is not told."""
    has_service: Sequence[bool]
    has_sizes: Sequence[bool]

    @staticmethod
    def of_rows(
        rows: Sequence[Row],
        latency: list[list[int]],
        service: list[list[int] | None],
        sizes: list[list[int] | None],
    ) -> Block:
        """Their histograms as steps, see :meth:`harness.recording.slices.Packed.steps`; raises ValueError with what is
        wrong about one of them.
        """
        n = len(rows)
        served = [of if own is None else own for of, own in zip(latency, service, strict=True)]
        told = _of_steps([*latency, *served, *(of or [] for of in sizes)])
        columns = told.part(0, n), told.part(n, 2 * n), told.part(2 * n, 3 * n)
        told_of = [of is not None for of in service], [of is not None for of in sizes]
        block = Block(rows, *columns, *told_of)
        block._check()
        return block

    @staticmethod
    def of_slices(slices: Sequence[Slice]) -> Block:
        latency = _of_mappings([piece.latency for piece in slices])
        service = _of_mappings([piece.latency if piece.service is None else piece.service for piece in slices])
        sizes = _of_mappings([piece.sizes or {} for piece in slices])
        told = [piece.service is not None for piece in slices], [piece.sizes is not None for piece in slices]
        return Block(slices, latency, service, sizes, *told)

    def _check(self) -> None:
        import numpy as np

        counts = np.array([row.count for row in self.rows], dtype=np.int64)
        totals = timed, served, sized = self.latency.totals(), self.service.totals(), self.sizes.totals()
        doubtful = (timed != counts) | (served != timed) | (sized > counts)
        doubtful |= np.array([row.starts is not None and row.starts > row.count for row in self.rows], dtype=np.bool_)
        for at in np.flatnonzero(doubtful).tolist():
            if problem := mismatch(self.rows[at], *(int(of[at]) for of in totals)):
                raise ValueError(problem)
        for histograms, highest in zip(
            (self.latency, self.service, self.sizes), (HIGHEST_BUCKET, HIGHEST_BUCKET, HIGHEST_SIZE_BUCKET), strict=True
        ):
            _refuse_beyond(histograms, highest)

    def slices(self) -> Iterator[Slice]:
        each = (self.rows, self.latency.packed(), self.service.packed(), self.sizes.packed())
        for row, latency, service, sizes, served, sized in zip(*each, self.has_service, self.has_sizes, strict=True):
            yield slice_of(key_of(row), row, latency, service if served else None, sizes if sized else None)


def mismatch(row: Row, timed: int, served: int, sized: int) -> str:
    """What of a slice does not fit the sums of its histograms; empty where all does."""
    # What was answered has a latency each, what was not has none.
    if timed != row.count and (timed or row.outcome == OK):
        return f"{row.count} requests with {timed} latencies"
    if served != timed:
        return f"{timed} latencies with {served} service times"
    if sized > row.count:
        return f"{row.count} requests with {sized} sizes"
    if row.starts is not None and row.starts > row.count:
        return f"{row.count} requests of {row.starts} iterations"
    return ""


def _of_steps(histograms: list[list[int]]) -> Histograms:
    import numpy as np

    lengths = np.array([len(each) for each in histograms], dtype=np.int64)
    if (lengths % 2).any():
        raise ValueError("a histogram with an index that has no count")
    flat = np.fromiter(chain.from_iterable(histograms), np.int64, int(lengths.sum()))
    numbers, ends = flat.reshape(-1, 2), np.concatenate([[0], np.cumsum(lengths // 2)])
    steps = np.cumsum(numbers[:, 0])
    # What the steps of the histograms before it have come to, for each value.
    numbers[:, 0] = steps - np.repeat(np.concatenate([[0], steps])[ends[:-1]], lengths // 2)
    return Histograms(numbers, ends)


def _of_mappings(histograms: list[Sparse]) -> Histograms:
    import numpy as np

    flat = [number for each in histograms for pair in each.items() for number in pair]
    ends = np.concatenate([[0], np.cumsum([len(each) for each in histograms])]).astype(np.int64)
    return Histograms(np.array(flat, dtype=np.int64).reshape(-1, 2), ends)


def _refuse_beyond(histograms: Histograms, highest: int) -> None:
    indexes = histograms.numbers[:, 0]
    if len(indexes) and indexes.max() > highest:
        raise ValueError(f"a histogram with the index {indexes.max()}, of which the highest is {highest}")


def split(numbers: Numbers, ends: Numbers) -> Iterator[array[int]]:
    """The histograms between two of the ends, in little memory."""
    import numpy as np

    is_small = not len(numbers) or int(numbers[:, 1].max()) < _PACKED_END  # a sum of many may be larger
    code, kind = ("I", np.uint32) if is_small else ("Q", np.uint64)
    packed = numbers.astype(kind).tobytes()
    row_bytes = 2 * np.dtype(kind).itemsize
    return (array(code, packed[start:end]) for start, end in pairwise((row_bytes * ends).tolist()))
