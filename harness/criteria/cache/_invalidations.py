"""Lost invalidations: what became of the writes, as far as the cache's answers show it.

Only operations whose order is certain count (see :mod:`harness.criteria.cache._operations`): a linearizable history has
none of these.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from harness.criteria.cache._operations import CACHE, HIT, History, Item, Placed
from harness.recording import BYPASS


@dataclass(frozen=True)
class Invalidations:
    """What became of the writes of all items."""

    writes: int
    """That had an answer."""
    observable: int
    """Of them those that a lost invalidation would show: the item had been read through the cache before, and was read
    again afterwards, before anything else removed it from the cache."""
    lost: tuple[Placed, ...]
    """Writes after which the cache still answered with an older version."""


def invalidations(history: History, grace_s: float = 0.0) -> Invalidations:
    """Writes that the cache never heard of: more than ``grace_s`` after the write had returned, a read began that the
    cache answered with an older version. Reads that say they were answered by somebody else prove nothing here.

    With ``grace_s`` = time to live + δ, what a cache without any invalidation may do is accepted.
    """
    lost: list[Placed] = []
    answered = observable = 0
    for item in history.items:
        cached = [read for read in item.reads if _may_be_cached(read)]
        written = sorted((w for w in item.writes.values() if w.return_s < math.inf), key=lambda w: w.invoke_s)
        answered += len(written)
        observable += _count_observable(item, written, grace_s)
        lost += _find_lost(item, history, cached, written, grace_s)
    return Invalidations(answered, observable, tuple(sorted(lost, key=lambda write: write.invoke_s)))


def _may_be_cached(read: Placed) -> bool:
    """Whether the cache may have given this answer. An answer that says nothing may have come from it."""
    operation = read.operation
    return operation.source == CACHE or (not operation.source and operation.cache in ("", HIT))


def _find_lost(
    item: Item, history: History, cached: list[Placed], written: list[Placed], grace_s: float
) -> Iterator[Placed]:
    # By (node of the version's write, node of the reader): version → the last time it was read.
    last_read: dict[tuple[str, str], dict[int | None, float]] = defaultdict(dict)
    for read in cached:
        version = read.operation.version
        writer = item.writes[version].node if version is not None else ""
        last_read[writer, read.node][version] = read.invoke_s  # reads are in order
    for (writer, reader), times in last_read.items():
        # A write is lost when a version that had been written before it began was read after it had returned.
        steps = sorted(
            (-math.inf if version is None else item.writes[version].return_s, time_s)
            for version, time_s in times.items()
        )
        ended = [returned_s for returned_s, _ in steps]
        latest: list[float] = []
        for _, time_s in steps:
            latest.append(max(time_s, latest[-1]) if latest else time_s)
        kept = []
        for write in written:
            apart_s = history.apart_s(writer, write.node) if writer else 0.0
            older = bisect_left(ended, write.invoke_s - apart_s)
            due_s = write.return_s + grace_s + history.apart_s(write.node, reader)
            if older and latest[older - 1] > due_s:
                yield write
            else:
                kept.append(write)
        written = kept


def _count_observable(item: Item, written: list[Placed], grace_s: float) -> int:
    """A read that missed is as good as one that hit: the item is in the cache afterwards."""
    through = [read for read in item.reads if read.operation.cache != BYPASS]
    begins = [read.invoke_s for read in through]
    removals = sorted([*item.writes.values(), *item.invalidations], key=lambda removal: removal.invoke_s)
    removal_begins = [removal.invoke_s for removal in removals]
    count, cleared_s = 0, -math.inf
    place = 0
    for write in written:
        while place < len(removals) and removals[place].invoke_s < write.invoke_s:
            removal = removals[place]
            # When one without an answer took effect is not known.
            cleared_s = max(cleared_s, removal.return_s if removal.return_s < math.inf else removal.invoke_s)
            place += 1
        first = bisect_right(begins, cleared_s)
        filled = any(read.return_s < write.invoke_s for read in through[first : bisect_left(begins, write.invoke_s)])
        due_s = write.return_s + grace_s
        following = bisect_right(removal_begins, write.invoke_s)
        until_s = removal_begins[following] if following < len(removals) else math.inf
        after = bisect_right(begins, due_s)
        count += filled and after < len(begins) and begins[after] < until_s
    return count
