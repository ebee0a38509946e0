"""What the origin has to bear when an item leaves the cache: loads for each expiry, and how many reads hit at all.

Seen from the readers: an answer that says ``X-Cache: miss`` and did not come from the cache was loaded from the origin.
One that does not say where it came from (``X-Read-From``) counts too, but may only have waited for another's load.
All loads that began before the first of them was answered found the item gone together, so they belong to one expiry.
One load would have been enough: the stampede factor of an expiry is its number of loads ÷ 1.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from harness.criteria.cache._operations import CACHE, HIT, MISS, History, Item, Placed, history_of, nothing_read
from harness.recording import Recording

UNTOLD = "no answer says what the cache did: let the service send X-Cache: hit or miss"
"""The reason when there is nothing to count."""


@dataclass(frozen=True)
class Expiry:
    """One time that an item was gone from the cache, although nobody changed it meanwhile."""

    key: str
    at_s: float
    """When the first read that missed it began."""
    loads: int
    """Those included that may only have waited."""
    certain_loads: int
    """Those that said where they came from."""
    waiting: int
    """Reads that missed it, loads included: so many would have loaded, if nobody had waited for another."""


@dataclass(frozen=True)
class CacheUse:
    """Reads by what the cache did."""

    hits: int
    misses: int
    misses_by_second: tuple[tuple[int, int], ...]
    """(Misses, hits and misses) of the reads that began in each second that had any, in their order."""
    other: int
    """Past the cache, or without a word about it."""
    loads: int
    """Misses that were loaded from the origin, or do not say so."""
    expiries: tuple[Expiry, ...]


def cache_use_of(recording: Recording, via: str) -> CacheUse | str:
    """What the cache did for the reads that came this way; or why nothing shows it."""
    seen = history_of(recording, via)
    if reason := nothing_read(recording, seen, via):
        return reason
    use = cache_use(seen)
    return use if use.hits + use.misses else UNTOLD


def cache_use(history: History) -> CacheUse:
    """Counts over all items of the history."""
    reads = [read for item in history.items for read in (*item.reads, *item.unwritten)]
    hits = sum(read.operation.cache == HIT for read in reads)
    misses = sum(read.operation.cache == MISS for read in reads)
    loads = sum(_is_load(read) for read in reads)
    by_second: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for read in reads:
        if read.operation.cache in (HIT, MISS):
            second = by_second[math.floor(read.invoke_s)]
            second[0] += read.operation.cache == MISS
            second[1] += 1
    told = tuple((missed, asked) for _, (missed, asked) in sorted(by_second.items()))
    expiries = tuple(expiry for item in history.items for expiry in _expiries(item, 2 * history.resolution_s))
    return CacheUse(hits, misses, told, len(reads) - hits - misses, loads, expiries)


def _is_load(read: Placed) -> bool:
    return read.operation.cache == MISS and read.operation.source != CACHE


def _expiries(item: Item, uncertain_s: float) -> Iterator[Expiry]:
    """An expiry during which the item was written or removed is left out: what was loaded before may have had to be
    loaded again. So are reads that found nothing: what is not there need not be kept in a cache.
    """
    misses = [r for r in item.reads if r.operation.cache == MISS and r.operation.version is not None]
    begins = [read.invoke_s for read in misses]
    changes = sorted((c.invoke_s, c.return_s) for c in (*item.writes.values(), *item.invalidations))
    change_begins = [begin_s for begin_s, _ in changes]
    latest_end: list[float] = []
    for _, end_s in changes:
        latest_end.append(max(end_s, latest_end[-1]) if latest_end else end_s)
    group: list[Placed] = []
    first_end_s = math.inf
    for load in (*filter(_is_load, misses), None):
        if load is not None and (not group or load.invoke_s < first_end_s):
            group.append(load)
            first_end_s = min(first_end_s, load.return_s)
            continue
        if group:
            begin_s, end_s = group[0].invoke_s, max(read.return_s for read in group)
            before = bisect_left(change_begins, end_s + uncertain_s)
            if not before or latest_end[before - 1] < begin_s - uncertain_s:
                waiting = bisect_left(begins, first_end_s) - bisect_left(begins, begin_s)
                certain = sum(bool(read.operation.source) for read in group)
                yield Expiry(item.key, begin_s, len(group), certain, waiting)
        if load is not None:
            group, first_end_s = [load], load.return_s
