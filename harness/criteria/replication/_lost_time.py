"""How far back the writes go that one fault lost, where it is not always known which of several faults lost them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.criteria._injections import Injection
from harness.criteria.replication._ledger import Row


@dataclass(frozen=True)
class LostTime:
    """A write may be lost to a fault after it, as it had reached no replica, unless one that was begun later, and
    acknowledged before the fault, is there: what is lost is the end of a log. It may be lost to a fault before it, as
    it went to a primary that was none any more, unless the node that took it has taken one since that is there.
    Where that leaves none, it may be lost to any.
    """

    faults: Sequence[Injection]
    there: Sequence[Row]
    """Acknowledged writes that were found in the end."""
    error_s: float
    """So far apart two instants have to be for their order to be certain."""

    def longest_s(self, lost: Sequence[Row], may_be_lost: Sequence[Row]) -> tuple[float, float]:
        """Of all faults the longest stretch, at least and at most."""
        if not may_be_lost:
            return 0.0, 0.0
        known = set(map(id, lost))
        surely: list[list[float]] = [[] for _ in self.faults]
        perhaps: list[list[float]] = [[] for _ in self.faults]
        least_s = 0.0
        for row, of in zip(may_be_lost, self._faults_of(may_be_lost), strict=True):
            t = row.acknowledged_s
            for number in of:
                perhaps[number].append(t)
            if id(row) in known:
                least_s = max(least_s, min(abs(self.faults[number].at_s - t) for number in of))
                if len(of) == 1:
                    surely[of[0]].append(t)
        return max(least_s, self._longest_s(surely)), self._longest_s(perhaps)

    def _longest_s(self, times: Sequence[Sequence[float]]) -> float:
        faults = zip(self.faults, times, strict=True)
        return max(max(fault.at_s, *of) - min(fault.at_s, *of) for fault, of in faults if of) if any(times) else 0.0

    def _faults_of(self, rows: Sequence[Row]) -> Iterator[list[int]]:
        """To which faults each of these may be lost."""
        begun_s = [self._begun_before_s(fault.at_s) for fault in self.faults]
        taken_s = [self._taken_after_s(fault.at_s) for fault in self.faults]
        everyone = list(range(len(self.faults)))
        for row in rows:
            may_be = []
            for number, fault in enumerate(self.faults):
                if row.acknowledged_s <= fault.at_s:
                    is_possible = row.acknowledged_s + self.error_s >= begun_s[number]
                else:
                    taken_at_s = taken_s[number].get(_taker(row), math.inf)
                    is_possible = row.attempts[0].invoke_s - self.error_s <= taken_at_s
                if is_possible:
                    may_be.append(number)
            yield may_be or everyone

    def _begun_before_s(self, at_s: float) -> float:
        """When the last was begun, of those that were acknowledged before an instant, and are there."""
        begun_s = (row.attempts[0].invoke_s for row in self.there if row.acknowledged_s + self.error_s < at_s)
        return max(begun_s, default=-math.inf)

    def _taken_after_s(self, at_s: float) -> dict[str, float]:
        """By node, when it has acknowledged the first that was begun after an instant, and is there."""
        found: dict[str, float] = {}
        for row in self.there:
            if row.attempts[0].invoke_s - self.error_s > at_s and (node := _taker(row)):
                found[node] = min(row.acknowledged_s, found.get(node, math.inf))
        return found


def _taker(row: Row) -> str:
    """The node that has acknowledged it; empty where that is not said."""
    return row.acknowledged.source if row.acknowledged is not None else ""
