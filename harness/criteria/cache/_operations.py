"""Histories of versioned items: the operations of a recording, key by key, and which version is older than which; where
there is nothing to judge, and operations in words.

A version has no place in an order of numbers. It is *older* than another when its write had returned before the other
one's was invoked; writes that overlap, or never got an answer, have no order. Instants of one node are on one clock;
between two nodes, an order counts only when it is certain whatever the error of their clocks, so nothing here ever
accuses by mistake.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from harness.criteria import _clocks
from harness.criteria._outcome import seconds
from harness.findings import Outcome
from harness.recording import INVALIDATE, READ, WRITE, Operation, Recording
from harness.recording.values import Scalar

HIT, MISS = "hit", "miss"
CACHE = "cache"
"""``Operation.cache`` and ``Operation.source`` of answers that say what the cache did and who answered."""
EXAMPLES = 3


class Placed(NamedTuple):
    """An operation, and the node whose clock timed it. ``return_s`` is infinite where there was no answer."""

    operation: Operation
    node: str
    invoke_s: float
    return_s: float


@dataclass(frozen=True)
class Item:
    """What happened to one key."""

    key: str
    writes: Mapping[int, Placed]
    """By version, also those without an answer."""
    reads: tuple[Placed, ...]
    """Those with an answer that could be placed, in the order of their beginning."""
    invalidations: tuple[Placed, ...]
    unwritten: tuple[Placed, ...]
    """Reads that returned a version of which no write is in the recording."""


@dataclass(frozen=True)
class History:
    """All keys that were read, and how well the nodes' clocks agree."""

    items: tuple[Item, ...]
    uncertainty_s: Mapping[str, float]
    """By node: bound of the error of its instants."""
    set_aside: tuple[str, ...]
    """Keys that cannot be judged, because a version of theirs was written twice."""

    @property
    def reads(self) -> int:
        return sum(len(item.reads) for item in self.items)

    @property
    def unwritten(self) -> tuple[Placed, ...]:
        """Reads that returned a version of which no write is in the recording."""
        return tuple(read for item in self.items for read in item.unwritten)

    @property
    def writes(self) -> int:
        return sum(len(item.writes) for item in self.items)

    @property
    def resolution_s(self) -> float:
        """Between two nodes, what is closer together than this has no order; 0 with one node."""
        return _clocks.apart_s(self.uncertainty_s)

    def apart_s(self, one: str, other: str) -> float:
        """How far apart instants of two nodes have to be for their order to be certain."""
        return 0.0 if one == other else self.uncertainty_s[one] + self.uncertainty_s[other]


def history_of(recording: Recording, via: str = "*") -> History:
    """The history of the keys that were read the way ``via``, where ``*`` stands for anything, with the reads that
    came this way. Writes and invalidations count whatever their way.
    """
    writes: dict[str, dict[int, Placed]] = defaultdict(dict)
    reads: dict[str, list[Placed]] = defaultdict(list)
    invalidations: dict[str, list[Placed]] = defaultdict(list)
    twice: set[str] = set()
    for batch in recording.operations:
        for operation in batch.operations:
            returned_s = math.inf if operation.return_s is None else operation.return_s
            placed = Placed(operation, batch.node, operation.invoke_s, returned_s)
            if operation.kind == WRITE:
                assert operation.version is not None
                if operation.version in writes[operation.key]:
                    twice.add(operation.key)
                writes[operation.key][operation.version] = placed
            elif operation.kind == INVALIDATE:
                invalidations[operation.key].append(placed)
            elif operation.kind == READ and operation.return_s is not None and fnmatchcase(operation.via, via):
                reads[operation.key].append(placed)
    items = tuple(_item(key, writes[key], reads[key], invalidations[key]) for key in sorted(reads) if key not in twice)
    return History(items, _clocks.uncertainty_s(recording), tuple(sorted(twice & reads.keys())))


def _item(key: str, writes: dict[int, Placed], reads: list[Placed], invalidations: list[Placed]) -> Item:
    known = [read for read in reads if read.operation.version is None or read.operation.version in writes]
    unwritten = [read for read in reads if not (read.operation.version is None or read.operation.version in writes)]
    in_order = sorted(known, key=_by_invoke)
    return Item(key, writes, tuple(in_order), tuple(sorted(invalidations, key=_by_invoke)), tuple(unwritten))


def _by_invoke(placed: Placed) -> float:
    return placed.invoke_s


class Order:
    """Which versions of an item had been replaced at what time."""

    def __init__(self, item: Item, history: History) -> None:
        self._writes = item.writes
        self._apart_s = history.apart_s
        by_node: dict[str, list[Placed]] = defaultdict(list)
        for write in item.writes.values():
            by_node[write.node].append(write)
        self._of_node: dict[str, tuple[list[float], list[float]]] = {}
        for node, written in by_node.items():
            written.sort(key=_by_invoke)
            earliest = _minima_from_the_end(write.return_s for write in written)
            self._of_node[node] = [write.invoke_s for write in written], earliest
        self._replaced: dict[int | None, tuple[tuple[str, float], ...]] = {}

    def replaced(self, version: int | None) -> tuple[tuple[str, float], ...]:
        """For each node, when the first of its writes that are newer than ``version`` returned, by its own clock."""
        found = self._replaced.get(version)
        if found is None:
            node, returned_s = "", -math.inf
            if version is not None:
                node, returned_s = self._writes[version].node, self._writes[version].return_s
            times = []
            for other, (invokes, earliest) in self._of_node.items():
                after_s = returned_s + (self._apart_s(node, other) if node else 0.0)
                index = bisect_right(invokes, after_s)
                if index < len(invokes) and earliest[index] < math.inf:
                    times.append((other, earliest[index]))
            found = self._replaced[version] = tuple(times)
        return found

    def stale_since(self, read: Placed) -> float | None:
        """When the version that a read returned had been replaced, if that was certainly before it began."""
        return self._replaced_since(read.operation.version, read)

    def written_since(self, read: Placed) -> float | None:
        """When the first write of the item had returned, if that was certainly before the read began: only then could
        it be stale."""
        return self._replaced_since(None, read)

    def _replaced_since(self, version: int | None, read: Placed) -> float | None:
        times = [
            returned_s
            for node, returned_s in self.replaced(version)
            if returned_s + self._apart_s(node, read.node) < read.invoke_s
        ]
        return min(times, default=None)


def _minima_from_the_end(values: Iterable[float]) -> list[float]:
    minima: list[float] = []
    for value in reversed(list(values)):
        minima.append(min(value, minima[-1]) if minima else value)
    return minima[::-1]


def nothing_read(recording: Recording, history: History, via: str, needs: str = "") -> str | None:
    """Why there is nothing to judge, or None. ``needs``: what is needed for anything to be read this way."""
    if history.set_aside:
        keys = ", ".join(history.set_aside[:EXAMPLES])
        return f"a version was written twice to {keys}: each write of a key needs a version of its own"
    if history.reads:
        return None
    if history.unwritten:
        return f"all {len(history.unwritten):,} reads that came by way of {via} found {_which_nobody_wrote(history)}"
    if not any(batch.operations for batch in recording.operations):
        return "the run has no operations: users keep them with self.operation(...)"
    ways = sorted({operation.via for batch in recording.operations for operation in batch.operations})
    remedy = f", which needs {needs}" if needs else ""
    return f"no answered read came by way of {via}{remedy}; the ways in this run are {', '.join(ways)}"


def unless_unwritten(history: History, outcome: Outcome, reason: str) -> tuple[Outcome, str]:
    """Outcome and reason, without a PASS where a read found what nobody has written: it is neither old nor new, and
    nothing that a service may answer.
    """
    if outcome is not Outcome.PASS or not history.unwritten:
        return outcome, reason
    found = f"{len(history.unwritten):,} reads besides found {_which_nobody_wrote(history)}"
    return Outcome.INCONCLUSIVE, f"{reason}; but {found}"


def _which_nobody_wrote(history: History) -> str:
    return (
        f"a version that nobody has written in this run ({describe_read(history.unwritten[0])}): look whether items "
        "are mixed up, or whether somebody else writes them"
    )


def extent(history: History) -> dict[str, Scalar]:
    """How much was looked at, and what the clocks allow to be seen."""
    evidence: dict[str, Scalar] = {"reads": history.reads, "writes": history.writes, "items": len(history.items)}
    if history.unwritten:
        evidence["reads of a version whose write is not in the recording"] = len(history.unwritten)
    if history.resolution_s:
        evidence["order known between nodes from (ms)"] = round(history.resolution_s * 1000, 3)
    return evidence


def examples(descriptions: list[str]) -> dict[str, Scalar]:
    """The first few of what was found."""
    return {f"example {number}": text for number, text in enumerate(descriptions[:EXAMPLES], start=1)}


def describe_read(read: Placed) -> str:
    operation = read.operation
    version = "nothing" if operation.version is None else f"version {operation.version}"
    by = f" from {operation.source}" if operation.source else ""
    return f"{operation.key} at {seconds(read.invoke_s)}: {version}{by}"
