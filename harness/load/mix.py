"""Dealing out users of several classes, so that each keeps its share at every moment.

Locust spawns class by class, so users park in blocks: dealt out in that order, the baseline would be all of one class,
the spike a mixture, and the recovery the other class; a healthy service would look as though it never came back.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


def interleaved(kind_of: Mapping[T, str]) -> list[T]:
    """The keys in an order of which every beginning has each kind by its share, as near as whole numbers allow.

    Number i (from 0) of the n of a kind comes at (i + ½) ÷ n of the way, the quota method of Webster / Sainte-Laguë.
    Those of one kind stay in their order.
    """
    totals, places = Counter(kind_of.values()), Counter[str]()
    ranks = list(totals)
    keyed: list[tuple[float, int, T]] = []
    for each, kind in kind_of.items():
        keyed.append(((places[kind] + 0.5) / totals[kind], ranks.index(kind), each))
        places[kind] += 1
    return [each for _, _, each in sorted(keyed, key=lambda entry: entry[:2])]


def rotated(order: Sequence[T], share: int, shares: int) -> list[T]:
    """Node ``share`` of ``shares`` begins at another place of the order, lest all begin with the same kind."""
    first = share * len(order) // shares
    return [*order[first:], *order[:first]]


class Queues(Generic[T]):
    """Who or what waits, by kind; first in, first out."""

    def __init__(self) -> None:
        self._waiting: dict[str, OrderedDict[T, None]] = {}

    def add(self, kind: str, each: T) -> None:
        self._waiting.setdefault(kind, OrderedDict())[each] = None

    def discard(self, kind: str, each: T) -> None:
        if kind in self._waiting:
            self._waiting[kind].pop(each, None)

    def take(self, kind: str) -> T | None:
        """The first of the kind, and out; None when there is none."""
        waiting = self._waiting.get(kind)
        return waiting.popitem(last=False)[0] if waiting else None

    def clear(self) -> None:
        self._waiting.clear()


def counts_of_beginnings(order: Iterable[str]) -> list[Counter[str]]:
    """Element n: how many of each kind are among the first n."""
    counts = [Counter[str]()]
    for kind in order:
        counts.append(counts[-1] + Counter({kind: 1}))
    return counts
