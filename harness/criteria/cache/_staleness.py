"""What readers of versioned items saw that they should not: stale reads, reads that go back, lost invalidations.

All of it is about certain order only (see :mod:`harness.criteria.cache._operations`): a linearizable history has none
of it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.criteria.cache._operations import History, Item, Order, Placed

HIT, MISS, BYPASS = "hit", "miss", "bypass"
CACHE = "cache"
"""``Operation.cache`` and ``Operation.source`` of answers that say what the cache did and who answered."""


@dataclass(frozen=True)
class StaleRead:
    """A read that returned what had been replaced before it began."""

    read: Placed
    age_s: float
    """From the return of the first write that replaced it to the beginning of the read: the answer was at least this
    old."""


def stale_reads(history: History, age_limit_s: float = 0.0) -> tuple[StaleRead, ...]:
    """Reads whose version is older than a write that had returned before they began, by more than ``age_limit_s``."""
    found = []
    for item in history.items:
        order = Order(item, history)
        for read in item.reads:
            since_s = order.stale_since(read)
            if since_s is not None and read.invoke_s - since_s > age_limit_s:
                found.append(StaleRead(read, read.invoke_s - since_s))
    return tuple(found)


def reads_after_a_write(history: History, age_limit_s: float = 0.0) -> int:
    """Reads that could have been stale by more than ``age_limit_s``: a write of their item had returned before."""
    count = 0
    for item in history.items:
        order = Order(item, history)
        for read in item.reads:
            since_s = order.written_since(read)
            count += since_s is not None and read.invoke_s - since_s > age_limit_s
    return count


@dataclass(frozen=True)
class WentBack:
    """A read that returned an older version than its session knew of."""

    read: Placed
    known: Placed
    """The write whose version the session had read or written before."""


@dataclass(frozen=True)
class SessionReads:
    """Reads held against what their sessions knew."""

    compared: int
    """Reads whose session knew of a version of the item before they began: the others could not go back."""
    back: tuple[WentBack, ...]


def backward_reads(history: History) -> SessionReads:
    """Reads that returned an older version than an earlier read of the same session (monotonic reads; Terry et al.,
    PDIS 1994).
    """

    def learnt(item: Item) -> Iterator[tuple[str, float, Placed]]:
        for read in item.reads:
            if read.operation.version is not None:
                yield read.operation.session, read.return_s, item.writes[read.operation.version]

    return _went_back(history, learnt)


def own_writes_missed(history: History) -> SessionReads:
    """Reads that returned an older version than the same session had written before (read your writes; ibid.)."""

    def learnt(item: Item) -> Iterator[tuple[str, float, Placed]]:
        for write in item.writes.values():
            if write.return_s < math.inf:
                yield write.operation.session, write.return_s, write

    return _went_back(history, learnt)


Learnt = Callable[[Item], Iterator[tuple[str, float, Placed]]]
"""From an item to what sessions learnt: session, when, and the write whose version it was."""


def _went_back(history: History, learnt_of: Learnt) -> SessionReads:
    compared = 0
    back: list[WentBack] = []
    for item in history.items:
        reads_of: dict[str, list[Placed]] = defaultdict(list)
        for read in item.reads:
            reads_of[read.operation.session].append(read)
        known_of: dict[str, list[tuple[float, Placed]]] = defaultdict(list)
        for session, since_s, write in learnt_of(item):
            known_of[session].append((since_s, write))
        for session, reads in reads_of.items():
            known = sorted(known_of[session], key=lambda pair: pair[0])
            newest: dict[str, Placed] = {}  # by node: of the writes known so far, the one that was invoked last
            learnt = 0
            for read in reads:
                while learnt < len(known) and known[learnt][0] <= read.invoke_s:
                    write = known[learnt][1]
                    if write.node not in newest or newest[write.node].invoke_s < write.invoke_s:
                        newest[write.node] = write
                    learnt += 1
                compared += bool(newest)
                version = read.operation.version
                written = item.writes[version] if version is not None else None
                for write in newest.values():
                    ended_s = -math.inf
                    if written is not None:
                        ended_s = written.return_s + history.apart_s(written.node, write.node)
                    if ended_s < write.invoke_s:
                        back.append(WentBack(read, write))
                        break
    return SessionReads(compared, tuple(back))


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
        cached = [read for read in item.reads if _through_cache(read)]
        written = sorted((w for w in item.writes.values() if w.return_s < math.inf), key=lambda w: w.invoke_s)
        answered += len(written)
        observable += _observable(item, written, grace_s)
        lost += _lost(item, history, cached, written, grace_s)
    return Invalidations(answered, observable, tuple(sorted(lost, key=lambda write: write.invoke_s)))


def _through_cache(read: Placed) -> bool:
    """Whether the cache may have given this answer. An answer that says nothing may have come from it."""
    operation = read.operation
    return operation.source == CACHE or (not operation.source and operation.cache in ("", HIT))


def _lost(
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


def _observable(item: Item, written: list[Placed], grace_s: float) -> int:
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
