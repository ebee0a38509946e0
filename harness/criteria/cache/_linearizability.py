"""Linearizability of single items with distinct versions (Gibbons & Korach, SIAM J. Comput. 26(4), 1997, §4.2).

A *cluster* is a write and the reads that returned its version; f is the earliest end and s the latest beginning of its
operations. With f < s the cluster has a *forward zone* [f, s], in which the item has this version all the time;
otherwise a *backward zone* [s, f], somewhere in which all of its operations can take effect at once. A history is
linearizable if and only if no read ended before its write began, no two forward zones overlap, and no backward zone
lies inside a forward one. That is O(n log n) for one item. Items are independent (Horn & Kroening, FORTE 2015), so each
is checked by itself.

Before its first write an item has no version: that cluster has a write which ended before everything else. A write
without an answer ends never; when nobody read its version, it may not have happened, and is left out. Instants of more
than one node are widened by the error of their clocks, which can only hide a violation.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.criteria.cache._operations import History, Item, Placed

OPERATIONS_CAP = 100_000
"""Reads of one item that are checked; its writes all are, because reads cannot be understood without them."""


@dataclass(frozen=True)
class Violation:
    """Why an item's history cannot have happened one operation after the other."""

    key: str
    at_s: float
    reason: str


@dataclass(frozen=True)
class Checked:
    violations: tuple[Violation, ...]
    """At most one for each item: the earliest."""
    items: int
    operations: int
    """That were checked."""
    left_out: int
    """Reads beyond the cap."""
    compared: int
    """Of the reads checked those that began after the item was certainly there, its write answered or its version read:
    only they could have shown that there is no order by finding nothing."""


@dataclass(frozen=True)
class _Zone:
    version: int | None
    first_end_s: float
    last_begin_s: float

    @property
    def is_forward(self) -> bool:
        return self.first_end_s < self.last_begin_s


def check(history: History, cap: int = OPERATIONS_CAP) -> Checked:
    """Checks every item of the history; see the top of this file."""
    violations, operations, left_out, compared = [], 0, 0, 0
    for item in history.items:
        reads = item.reads
        if len(reads) > cap:
            # Fewer reads are fewer constraints: what remains of a linearizable history is linearizable.
            reads, left_out = reads[:cap], left_out + len(reads) - cap
        operations += len(reads) + len(item.writes)
        nodes = {placed.node for placed in (*reads, *item.writes.values())}
        wider_s = history.uncertainty_s if len(nodes) > 1 else dict.fromkeys(nodes, 0.0)
        compared += _compared(item, reads, wider_s)
        found = min(_violations(item, reads, wider_s), key=lambda violation: violation.at_s, default=None)
        if found is not None:
            violations.append(found)
    return Checked(tuple(violations), len(history.items), operations, left_out, compared)


def _compared(item: Item, reads: Iterable[Placed], wider_s: Mapping[str, float]) -> int:
    shown = (*item.writes.values(), *(read for read in reads if read.operation.version is not None))
    there_s = min((placed.return_s + wider_s[placed.node] for placed in shown), default=math.inf)
    return sum(there_s < read.invoke_s - wider_s[read.node] for read in reads)


def _violations(item: Item, reads: Iterable[Placed], wider_s: Mapping[str, float]) -> Iterator[Violation]:
    zones = []
    clusters: dict[int | None, list[Placed]] = defaultdict(list)
    for read in reads:
        clusters[read.operation.version].append(read)
    for version, write in item.writes.items():
        begins_s, ends_s = write.invoke_s - wider_s[write.node], write.return_s + wider_s[write.node]
        readers = clusters.pop(version, [])
        early = min((r.return_s + wider_s[r.node] for r in readers), default=math.inf)
        late = max((r.invoke_s - wider_s[r.node] for r in readers), default=-math.inf)
        if early < begins_s:
            yield Violation(item.key, early, f"version {version} was read before its write began")
        if readers or ends_s < math.inf:
            zones.append(_Zone(version, min(early, ends_s), max(late, begins_s)))
    if None in clusters:
        late = max(read.invoke_s - wider_s[read.node] for read in clusters[None])
        zones.append(_Zone(None, -math.inf, late))
    yield from _conflicts(item.key, zones)


def _conflicts(key: str, zones: list[_Zone]) -> Iterator[Violation]:
    forward = sorted((zone for zone in zones if zone.is_forward), key=lambda zone: zone.first_end_s)
    # All overlaps are found at neighbours: of what begins earlier, the zone that lasts longest is kept.
    lasting: list[_Zone] = []
    for zone in forward:
        before = lasting[-1] if lasting else None
        if before is not None and zone.first_end_s < before.last_begin_s:
            reason = (
                f"version {_describe(before.version)} was read again after version {_describe(zone.version)} was there"
            )
            yield Violation(key, min(zone.last_begin_s, before.last_begin_s), reason)
        longer = before is None or zone.last_begin_s > before.last_begin_s
        lasting.append(zone if longer or before is None else before)
    begins = [zone.first_end_s for zone in forward]
    for zone in zones:
        if zone.is_forward:
            continue
        index = bisect_left(begins, zone.last_begin_s) - 1
        if index >= 0 and zone.first_end_s < lasting[index].last_begin_s:
            around = lasting[index].version
            reason = (
                f"version {zone.version} came and went while version {_describe(around)} was there before and after"
            )
            yield Violation(key, lasting[index].last_begin_s, reason)


def _describe(version: int | None) -> str:
    return "none" if version is None else str(version)
