"""Blocks of slices added up, whenever a recording is read. A process that makes load has no numpy, and adds up with
:class:`harness.recording.slices.SliceSums`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from harness.recording import Slice
from harness.recording.blocks import Block, Histograms, split
from harness.recording.header import Header
from harness.recording.slices import CountSum, Key, Packed, Row, key_of, slice_of, with_words
from harness.recording.values import HIGHEST_BUCKET

AT_A_TIME = 4096
"""Slices that wait to be added up: fewer are not worth it, more take memory."""
_SPAN = HIGHEST_BUCKET + 1


class _Sum(CountSum):
    __slots__ = ("has_service", "has_sizes", "latency", "place", "service", "sizes")

    def __init__(self, place: int, row: Row) -> None:
        super().__init__(row)
        self.place = place
        self.has_service = False
        self.has_sizes = True
        self.latency: array[int] | None = None
        self.service: array[int] | None = None
        self.sizes: array[int] | None = None


class BlockSums:
    """Slices of blocks, added up as :class:`harness.recording.slices.SliceSums` does it, in any order."""

    def __init__(self, header: Header) -> None:
        self._apart = frozenset(int(gate.t // 1) for gate in header.gates)
        self._sums: dict[Key, _Sum] = {}
        self._words: dict[str, str] = {}
        self._waiting: list[tuple[tuple[Histograms, Histograms, Histograms], list[_Sum]]] = []
        """Latency, service and sizes of blocks that are not added up yet, and of each row the sum it belongs to."""
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
            key = key_of(row, apart)
            known = sums.get(key)
            if known is None:
                known = sums[with_words(key, self._words)] = _Sum(len(sums), row)
            else:
                known.count_in(row)
            if has_service:
                known.has_service = True
            if not has_sizes:
                known.has_sizes = False
            belongs.append(known)
        self._waiting.append(((block.latency, block.service, block.sizes), belongs))
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
        for each, of in zip(sums, _added_up(belongs, [of[0] for of, _ in waiting], latency), strict=True):
            each.latency = of
        if served:
            for each, of in zip(sums, _added_up(belongs, [of[1] for of, _ in waiting], service), strict=True):
                each.service = of if each.has_service else None
        if any(each.has_sizes for each in sums):
            sizes = [each.sizes for each in sums]
            for each, of in zip(sums, _added_up(belongs, [of[2] for of, _ in waiting], sizes), strict=True):
                each.sizes = of

    def take(self) -> Iterator[Slice]:
        """The sums, each of which is forgotten as it is taken; in the order in which they were first seen."""
        self._add_single()
        if self._waiting:
            self._add_up()
        sums, self._sums = self._sums, {}
        for key in list(sums):
            each = sums.pop(key)
            assert each.latency is not None
            service = None if each.service is None else Packed(each.service)
            sizes = Packed(each.sizes) if each.has_sizes and each.sizes is not None else None
            yield slice_of(key, each, Packed(each.latency), service, sizes)


def _added_up(
    belongs: list[int], blocks: Sequence[Histograms], before: Sequence[array[int] | None]
) -> Iterator[array[int]]:
    """For each sum the histograms of the rows that belong to it, and what it had before."""
    import numpy as np

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
