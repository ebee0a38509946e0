"""What readers of versioned items saw that they should not: stale reads, and reads that go back in a session.

Only operations whose order is certain count (see :mod:`harness.criteria.cache._operations`): a linearizable history has
none of these.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, percent
from harness.criteria.cache._operations import (
    History,
    Item,
    Order,
    Placed,
    describe_read,
    examples,
    extent,
    history_of,
    nothing_read,
    unless_unwritten,
)
from harness.findings import CLIENTS, Finding
from harness.plugins import parameter
from harness.recording import Recording


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

    return _find_went_back(history, learnt)


def own_writes_missed(history: History) -> SessionReads:
    """Reads that returned an older version than the same session had written before (read your writes; ibid.)."""

    def learnt(item: Item) -> Iterator[tuple[str, float, Placed]]:
        for write in item.writes.values():
            if write.return_s < math.inf:
                yield write.operation.session, write.return_s, write

    return _find_went_back(history, learnt)


Learnt = Callable[[Item], Iterator[tuple[str, float, Placed]]]
"""From an item to what sessions learnt: session, when, and the write whose version it was."""


def _find_went_back(history: History, learnt_of: Learnt) -> SessionReads:
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
class SessionGuarantee(Criterion):
    """Reads that returned something older than their session knew of ÷ reads whose session knew of something, stay
    within a limit.
    """

    unit = "ratio"
    evidence = CLIENTS
    known: ClassVar[str]
    """How the session knew of the newer version, for the reason: ``that the session had read before``."""
    remedy: ClassVar[str]
    """What sessions have to do for it to be seen at all."""

    limit: float = parameter(0.0, "largest share of reads that may go back", highest=1)
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def compare(self, history: History) -> SessionReads:
        """The reads held against what this guarantee is about."""
        raise NotImplementedError

    def judge(self, recording: Recording) -> Finding:
        seen = history_of(recording, self.via)
        if reason := nothing_read(recording, seen, self.via):
            return self.inconclusive(reason)
        found = self.compare(seen)
        if not found.compared:
            return self.inconclusive(f"none of {seen.reads:,} reads could have gone back: {self.remedy}")
        figure = len(found.back) / found.compared
        reason = (
            f"{len(found.back):,} of {found.compared:,} reads that could have gone back did, "
            f"to an older version than one {self.known}; limit {percent(self.limit)}"
        )
        return self.finding(
            *unless_unwritten(seen, against(self.limit, (figure, figure)), reason),
            figure,
            (figure, figure),
            {
                "went back": len(found.back),
                "reads that could have gone back": found.compared,
                **extent(seen),
                **examples(
                    [f"{describe_read(back.read)}, after version {back.known.operation.version}" for back in found.back]
                ),
            },
        )
