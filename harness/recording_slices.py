"""Slices added up: on the master, before they are written, and whenever a recording is read.

A run of an hour with 50 names and 10 load processes has 1.8 million slices, and nothing that is judged needs to know
whose they were, save at a gate, where each load process releases its own herd at the same instant. So only seconds in
which a gate is planned keep the load processes apart.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from typing import Any

from harness.recording import Slice
from harness.recording_header import Header
from harness.recording_values import HIGHEST_BUCKET, Sparse

OPEN = 16
"""Seconds that more slices may well come for: those before are packed, and take half the memory."""


class Packed(Mapping[int, int]):
    """A histogram in a tenth of the memory of a dict: bucket index → count, in ascending order."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: array[int]) -> None:
        self.numbers = numbers
        """Index, count, index, count …"""

    @staticmethod
    def of(histogram: Sparse) -> Packed:
        if isinstance(histogram, Packed):
            return histogram
        return Packed.from_numbers(list(chain.from_iterable(sorted(histogram.items()))))

    @staticmethod
    def from_numbers(numbers: list[int]) -> Packed:
        """Index, count, index, count …, the indexes in ascending order."""
        try:
            return Packed(array("I", numbers))
        except OverflowError:  # a sum of many may be larger than what one line may hold
            return Packed(array("Q", numbers))

    def steps(self) -> list[int]:
        """As in a line of the recording: each index is told as what it is more than the one before, which is short."""
        numbers = self.numbers.tolist()
        indexes = numbers[::2]
        numbers[2::2] = [after - before for before, after in pairwise(indexes)]
        return numbers

    def __getitem__(self, index: int) -> int:
        indexes = self.numbers[::2]
        place = bisect_left(indexes, index)
        if place == len(indexes) or indexes[place] != index:
            raise KeyError(index)
        return self.numbers[2 * place + 1]

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers[::2])

    def __len__(self) -> int:
        return len(self.numbers) // 2

    # Those of Mapping look up one index after the other.

    def items(self) -> Any:
        return zip(self.numbers[::2], self.numbers[1::2], strict=True)

    def values(self) -> Any:
        return self.numbers[1::2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(dict(self.items()))


class _Sum:
    """Of one second, name, outcome, status, media type and class of users. Histograms are only put one behind the other
    until they are packed.
    """

    __slots__ = ("bytes", "count", "is_packed", "latency", "node", "service", "sizes", "starts")

    def __init__(self, piece: Slice) -> None:
        self.node = piece.node
        self.count = piece.count
        self.bytes = piece.bytes
        self.starts = piece.starts
        self.latency = array("I", _numbers(piece.latency))
        self.service = None if piece.service is None else array("I", _numbers(piece.service))
        self.sizes = None if piece.sizes is None else array("I", _numbers(piece.sizes))
        self.is_packed = False

    def add(self, piece: Slice) -> None:
        self.is_packed = False
        if piece.node != self.node:
            self.node = ""
        if self.starts is not None or piece.starts is not None:
            mine = self.count if self.starts is None else self.starts
            self.starts = mine + (piece.count if piece.starts is None else piece.starts)
        self.count += piece.count
        self.bytes += piece.bytes
        if self.service is None and piece.service is not None:
            self.service = self.latency[:]
        _extend(self.latency, _numbers(piece.latency))
        if self.service is not None:
            _extend(self.service, _numbers(piece.latency if piece.service is None else piece.service))
        if self.sizes is not None and piece.sizes is not None:
            _extend(self.sizes, _numbers(piece.sizes))
        else:
            self.sizes = None

    def pack(self) -> None:
        if not self.is_packed:
            self.latency = _packed(self.latency)
            self.service = None if self.service is None else _packed(self.service)
            self.sizes = None if self.sizes is None else _packed(self.sizes)
            self.is_packed = True


class SliceSums:
    """Slices that are added up as they come, in any order."""

    def __init__(self, header: Header, by_numpy: bool = False) -> None:
        """``by_numpy``: quicker for many, but no process that makes load loads numpy."""
        self._by_numpy = by_numpy
        self._apart = frozenset(int(gate.t // 1) for gate in header.gates)
        self._sums: dict[tuple[int, str, str, str, int, bool, bool, str, str], _Sum] = {}
        self._words: dict[str, str] = {}
        """Each name and outcome once: a recording has few, in millions of lines."""
        self._open: dict[int, list[_Sum]] = {}
        """Of the last seconds that were begun."""

    def add(self, piece: Slice) -> None:
        node = piece.node if piece.t in self._apart else ""
        which = (piece.status, piece.warm_up, piece.wind_down, piece.user_class, piece.media_type)
        key = (piece.t, node, piece.name, piece.outcome, *which)
        known = self._sums.get(key)
        if known is not None:
            known.add(piece)
            return
        word = self._words.setdefault
        key = (piece.t, node, word(piece.name, piece.name), word(piece.outcome, piece.outcome), *which)
        made = self._sums[key] = _Sum(piece)
        if piece.t not in self._open and len(self._open) >= OPEN:
            self._pack(self._open.pop(next(iter(self._open))))
        self._open.setdefault(piece.t, []).append(made)

    def _pack(self, sums: list[_Sum]) -> None:
        """All of a second at once, where they can be."""
        if self._by_numpy:
            _pack_together(sums)
        for each in sums:
            each.pack()

    def take(self) -> Iterator[Slice]:
        """The sums, each of which is forgotten as it is taken; in the order in which they were first seen. The node is
        empty where there were several.
        """
        for second in self._open.values():
            self._pack(second)
        sums, self._sums, self._open = self._sums, {}, {}
        for key in list(sums):
            t, _, name, outcome, status, warm_up, wind_down, user_class, media_type = key
            each = sums.pop(key)
            each.pack()
            service, sizes = (None if of is None else Packed(of) for of in (each.service, each.sizes))
            yield Slice(
                t,
                each.node,
                name,
                outcome,
                each.count,
                each.bytes,
                Packed(each.latency),
                service,
                each.starts,
                status,
                warm_up,
                wind_down,
                user_class,
                sizes,
                media_type,
            )


def _numbers(histogram: Sparse) -> array[int]:
    if type(histogram) is Packed:  # not isinstance, which takes long of a dict: Mapping is abstract
        return histogram.numbers
    return array("I", chain.from_iterable(histogram.items()))


def _extend(numbers: array[int], more: array[int]) -> None:
    numbers.extend(more if more.typecode == numbers.typecode else more.tolist())


def _pack_together(sums: list[_Sum]) -> None:
    """What :meth:`_Sum.pack` does for one, unless a count is too large for 32 bits."""
    import numpy as np  # late, see SliceSums

    parts = [
        *(each.latency for each in sums),
        *(each.service for each in sums if each.service is not None),
        *(each.sizes for each in sums if each.sizes is not None),
    ]
    if any(part.typecode != "I" for part in parts):
        return
    span = HIGHEST_BUCKET + 1
    rows = np.frombuffer(b"".join(parts), dtype=np.uint32).astype(np.int64).reshape(-1, 2)
    if not len(rows):
        return
    keys = np.repeat(np.arange(len(parts)) * span, [len(part) // 2 for part in parts]) + rows[:, 0]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.add.reduceat(rows[order, 1], firsts)
    if counts.max() >= 2**32:
        return
    keys = keys[firsts]
    packed = np.stack([keys % span, counts], axis=1).astype(np.uint32).tobytes()
    row_bytes = len(packed) // len(keys)
    ends = [0, *(row_bytes * np.searchsorted(keys, np.arange(1, len(parts) + 1) * span)).tolist()]
    made = (array("I", packed[start:end]) for start, end in pairwise(ends))
    for each in sums:
        each.latency, each.is_packed = next(made), True
    for each in sums:
        if each.service is not None:
            each.service = next(made)
    for each in sums:
        if each.sizes is not None:
            each.sizes = next(made)


def _packed(numbers: array[int]) -> array[int]:
    """Of histograms that stand one behind the other."""
    merged: dict[int, int] = {}
    known = merged.get
    for index, count in zip(numbers[::2], numbers[1::2], strict=True):
        merged[index] = known(index, 0) + count
    return Packed.of(merged).numbers
