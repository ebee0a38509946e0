"""Slices added up: on the master, before they are written, and whenever a recording is read.

A run of an hour with 50 names and 10 load processes has 1.8 million slices, and nothing that is judged needs to know
whose they were, save at a gate, where each load process releases its own herd at the same instant. So only seconds in
which a gate is planned keep the load processes apart.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from itertools import chain, pairwise
from typing import Any, Protocol, TypeAlias

from harness.recording import Slice
from harness.recording.header import Header
from harness.recording.values import Sparse


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


class Counts(Protocol):
    """What of a slice adds up, besides its histograms."""

    @property
    def node(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def starts(self) -> int | None: ...


class Row(Counts, Protocol):
    """What a slice has besides its histograms."""

    @property
    def t(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def outcome(self) -> str: ...
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


Key: TypeAlias = tuple[int, str, str, str, int, bool, bool, str, str]
"""What slices have in common that are added up: second, node (empty where that does not matter), name, outcome, status,
whether they are of warm-up or wind-down, class of users and media type.
"""


def key_of(row: Row, apart: Collection[int] = ()) -> Key:
    """``apart``: the seconds in which load processes are not added up."""
    node = row.node if row.t in apart else ""
    which = (row.status, row.warm_up, row.wind_down, row.user_class, row.media_type)
    return (row.t, node, row.name, row.outcome, *which)


def slice_of(key: Key, counts: Counts, latency: Sparse, service: Sparse | None, sizes: Sparse | None) -> Slice:
    t, _, name, outcome, status, warm_up, wind_down, user_class, media_type = key
    return Slice(
        t,
        counts.node,
        name,
        outcome,
        counts.count,
        counts.bytes,
        latency,
        service,
        counts.starts,
        status,
        warm_up,
        wind_down,
        user_class,
        sizes,
        media_type,
    )


def with_words(key: Key, words: dict[str, str]) -> Key:
    """With each name and outcome once: a recording has few, in millions of lines."""
    t, node, name, outcome, *which = key
    return (t, node, words.setdefault(name, name), words.setdefault(outcome, outcome), *which)  # type: ignore[return-value]


class CountSum:
    """The counts of slices of one key. The node is empty where there were several."""

    __slots__ = ("bytes", "count", "node", "starts")

    def __init__(self, row: Row) -> None:
        self.node = row.node
        self.count = row.count
        self.bytes = row.bytes
        self.starts = row.starts

    def count_in(self, row: Row) -> None:
        if row.node != self.node:
            self.node = ""
        if self.starts is not None or row.starts is not None:
            mine = self.count if self.starts is None else self.starts
            self.starts = mine + (row.count if row.starts is None else row.starts)
        self.count += row.count
        self.bytes += row.bytes


class _Sum(CountSum):
    """Histograms are only put one behind the other until they are taken."""

    __slots__ = ("latency", "service", "sizes")

    def __init__(self, piece: Slice) -> None:
        super().__init__(piece)
        self.latency = array("I", _numbers(piece.latency))
        self.service = None if piece.service is None else array("I", _numbers(piece.service))
        self.sizes = None if piece.sizes is None else array("I", _numbers(piece.sizes))

    def add(self, piece: Slice) -> None:
        self.count_in(piece)
        if self.service is None and piece.service is not None:
            self.service = self.latency[:]
        _extend(self.latency, _numbers(piece.latency))
        if self.service is not None:
            _extend(self.service, _numbers(piece.latency if piece.service is None else piece.service))
        if self.sizes is not None and piece.sizes is not None:
            _extend(self.sizes, _numbers(piece.sizes))
        else:
            self.sizes = None


class SliceSums:
    """Slices that are added up as they come, in any order."""

    def __init__(self, header: Header) -> None:
        self._apart = frozenset(int(gate.t // 1) for gate in header.gates)
        self._sums: dict[Key, _Sum] = {}
        self._words: dict[str, str] = {}

    def add(self, piece: Slice) -> None:
        key = key_of(piece, self._apart)
        known = self._sums.get(key)
        if known is not None:
            known.add(piece)
            return
        self._sums[with_words(key, self._words)] = _Sum(piece)

    def take(self) -> Iterator[Slice]:
        """The sums, each of which is forgotten as it is taken; in the order in which they were first seen."""
        sums, self._sums = self._sums, {}
        for key in list(sums):
            each = sums.pop(key)
            service, sizes = (None if of is None else _merged(of) for of in (each.service, each.sizes))
            yield slice_of(key, each, _merged(each.latency), service, sizes)


def _numbers(histogram: Sparse) -> array[int]:
    if type(histogram) is Packed:  # not isinstance, which takes long of a dict: Mapping is abstract
        return histogram.numbers
    return array("I", chain.from_iterable(histogram.items()))


def _extend(numbers: array[int], more: array[int]) -> None:
    numbers.extend(more if more.typecode == numbers.typecode else more.tolist())


def _merged(numbers: array[int]) -> dict[int, int]:
    """Of histograms that stand one behind the other."""
    merged: dict[int, int] = {}
    known = merged.get
    for index, count in zip(numbers[::2], numbers[1::2], strict=True):
        merged[index] = known(index, 0) + count
    return merged
