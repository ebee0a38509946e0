"""Slices of a recording that is read, by columns: of an hour hundreds of thousands are checked and added up.

Those that were written together are a block, whose histograms stand one behind the other in an array of numpy. What is
done to one slice after the other is only what is no number. (A process that makes load has no numpy, and adds up with
:class:`harness.recording_slices.SliceSums`.)
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Protocol, TypeAlias

from harness.recording import Slice
from harness.recording_header import Header
from harness.recording_slices import Packed
from harness.recording_values import HIGHEST_BUCKET, HIGHEST_SIZE_BUCKET, OK, Sparse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.int64]

AT_A_TIME = 4096
"""Slices that wait to be added up: fewer are not worth it, more take memory."""
_SPAN = HIGHEST_BUCKET + 1
_PACKED_END = 2**32


class Row(Protocol):
    """What a slice has besides its histograms."""

    @property
    def t(self) -> int: ...
    @property
    def node(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def starts(self) -> int | None: ...
    @property
    def status(self) -> int: ...
    @property
    def warm_up(self) -> bool: ...
    @property
    def wind_down(self) -> bool: ...
    @property
    def user_class(self) -> str: ...
    @property
    def media_type(self) -> str: ...


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
        """Their histograms as steps, see :meth:`harness.recording_slices.Packed.steps`; raises ValueError with what is
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
            yield Slice(
                row.t,
                row.node,
                row.name,
                row.outcome,
                row.count,
                row.bytes,
                latency,
                service if served else None,
                row.starts,
                row.status,
                row.warm_up,
                row.wind_down,
                row.user_class,
                sizes if sized else None,
                row.media_type,
            )


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


class _Sum:
    """Of one second, name, outcome, status, media type and class of users."""

    __slots__ = ("bytes", "count", "has_service", "has_sizes", "latency", "node", "place", "service", "sizes", "starts")

    def __init__(self, place: int, row: Row) -> None:
        self.place = place
        self.node = row.node
        self.count = row.count
        self.bytes = row.bytes
        self.starts = row.starts
        self.has_service = False
        self.has_sizes = True
        self.latency: array[int] | None = None
        self.service: array[int] | None = None
        self.sizes: array[int] | None = None

    def add(self, row: Row) -> None:
        if row.node != self.node:
            self.node = ""
        starts = row.starts
        if self.starts is not None or starts is not None:
            mine = self.count if self.starts is None else self.starts
            self.starts = mine + (row.count if starts is None else starts)
        self.count += row.count
        self.bytes += row.bytes


class BlockSums:
    """Slices of blocks, added up as :class:`harness.recording_slices.SliceSums` does it, in any order."""

    def __init__(self, header: Header) -> None:
        self._apart = frozenset(int(gate.t // 1) for gate in header.gates)
        self._sums: dict[tuple[int, str, str, str, int, bool, bool, str, str], _Sum] = {}
        self._words: dict[str, str] = {}
        """Each name and outcome once: a recording has few, in millions of lines."""
        self._waiting: list[tuple[Block, list[_Sum]]] = []
        """Blocks whose histograms are not added up yet, and of each row the sum that it belongs to."""
        self._waiting_rows = 0
        self._single: list[Slice] = []

    def add_slice(self, piece: Slice) -> None:
        self._single.append(piece)
        if len(self._single) >= AT_A_TIME:
            self._add_single()

    def _add_single(self) -> None:
        single, self._single = self._single, []
        if single:
            self._add(Block.of_slices(single))

    def add(self, block: Block) -> None:
        self._add_single()
        self._add(block)

    def _add(self, block: Block) -> None:
        apart, sums = self._apart, self._sums
        belongs: list[_Sum] = []
        for row, has_service, has_sizes in zip(block.rows, block.has_service, block.has_sizes, strict=True):
            node = row.node if row.t in apart else ""
            which = (row.status, row.warm_up, row.wind_down, row.user_class, row.media_type)
            key = (row.t, node, row.name, row.outcome, *which)
            known = sums.get(key)
            if known is None:
                word = self._words.setdefault
                key = (row.t, node, word(row.name, row.name), word(row.outcome, row.outcome), *which)
                known = sums[key] = _Sum(len(sums), row)
            else:
                known.add(row)
            if has_service:
                known.has_service = True
            if not has_sizes:
                known.has_sizes = False
            belongs.append(known)
        self._waiting.append((block, belongs))
        self._waiting_rows += len(belongs)
        if self._waiting_rows >= AT_A_TIME:
            self._add_up()

    def _add_up(self) -> None:
        waiting, self._waiting, self._waiting_rows = self._waiting, [], 0
        sums = sorted({id(each): each for _, of in waiting for each in of}.values(), key=lambda each: each.place)
        number = {id(each): at for at, each in enumerate(sums)}
        belongs = [number[id(each)] for _, of in waiting for each in of]
        served = [each for each in sums if each.has_service]
        # Before a service time was told, it was the latency.
        service = [each.latency if each.service is None else each.service for each in sums] if served else []
        latency = [each.latency for each in sums]
        for each, of in zip(sums, _added_up(belongs, [block.latency for block, _ in waiting], latency), strict=True):
            each.latency = of
        if served:
            for each, of in zip(
                sums, _added_up(belongs, [block.service for block, _ in waiting], service), strict=True
            ):
                each.service = of if each.has_service else None
        if any(each.has_sizes for each in sums):
            sizes = [each.sizes for each in sums]
            for each, of in zip(sums, _added_up(belongs, [block.sizes for block, _ in waiting], sizes), strict=True):
                each.sizes = of

    def take(self) -> Iterator[Slice]:
        """The sums, each of which is forgotten as it is taken; in the order in which they were first seen. The node is
        empty where there were several.
        """
        self._add_single()
        if self._waiting:
            self._add_up()
        sums, self._sums = self._sums, {}
        for key in list(sums):
            t, _, name, outcome, status, warm_up, wind_down, user_class, media_type = key
            each = sums.pop(key)
            assert each.latency is not None
            yield Slice(
                t,
                each.node,
                name,
                outcome,
                each.count,
                each.bytes,
                Packed(each.latency),
                None if each.service is None else Packed(each.service),
                each.starts,
                status,
                warm_up,
                wind_down,
                user_class,
                Packed(each.sizes) if each.has_sizes and each.sizes is not None else None,
                media_type,
            )


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


def _added_up(
    belongs: list[int], blocks: Iterable[Histograms], before: Sequence[array[int] | None]
) -> Iterator[array[int]]:
    """For each sum the histograms of the rows that belong to it, and what it had before."""
    import numpy as np

    blocks = list(blocks)
    had = [(at, np.frombuffer(of, dtype=f"u{of.itemsize}")) for at, of in enumerate(before) if of]
    rows = np.concatenate([*(of.numbers for of in blocks), *(of.astype(np.int64).reshape(-1, 2) for _, of in had)])
    lengths = np.concatenate([*(np.diff(of.ends) for of in blocks), [len(of) // 2 for _, of in had]]).astype(np.int64)
    keys = np.repeat(np.array([*belongs, *(at for at, _ in had)], dtype=np.int64), lengths) * _SPAN + rows[:, 0]
    order = np.argsort(keys)
    keys, counts = keys[order], rows[order, 1]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    if len(firsts):
        keys, counts = keys[firsts], np.add.reduceat(counts, firsts)
    ends = np.searchsorted(keys, np.arange(len(before) + 1) * _SPAN)
    return split(np.stack([keys % _SPAN, counts], axis=1), ends)


def split(numbers: Numbers, ends: Numbers) -> Iterator[array[int]]:
    """The histograms between two of the ends, in little memory."""
    import numpy as np

    is_small = not len(numbers) or int(numbers[:, 1].max()) < _PACKED_END  # a sum of many may be larger
    code, kind = ("I", np.uint32) if is_small else ("Q", np.uint64)
    packed = numbers.astype(kind).tobytes()
    row_bytes = 2 * np.dtype(kind).itemsize
    return (array(code, packed[start:end]) for start, end in pairwise((row_bytes * ends).tolist()))
