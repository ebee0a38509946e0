"""A ledger: rows with ids that nobody else writes, and what the look for each of them in the end has found.

A user writes a row by one operation (WRITE) under a key of its own, or by several, each with a version of its own,
where the ones before had no answer. When the load is over it looks for the row on the primary of then, by another
(READ). The version that this returns is the number of rows with the id, None: there is none. A look without an answer
proves nothing, nor does any look where one for a row that nobody has written finds it. A user that leaves early looks
early: what the last fault took it has not seen.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import ClassVar

from harness.criteria._criterion import Criterion
from harness.criteria._injections import injections
from harness.criteria._outcome import with_remedy
from harness.findings import CLIENTS, Finding
from harness.plugins import parameter
from harness.recording import READ, UNCOUNTED, WRITE, Operation, Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class Row:
    """A row that was to be written."""

    attempts: tuple[Operation, ...]
    """In the order of their beginning."""
    rows: int | None
    """So many with its id were found by the last look that had an answer; None: no look for it had one."""
    is_counted: bool = True
    """Whether that answer has said how many; otherwise there may be more."""

    @property
    def key(self) -> str:
        return self.attempts[0].key

    @property
    def acknowledged(self) -> Operation | None:
        """The first attempt with a good answer."""
        return next((attempt for attempt in self.attempts if attempt.return_s is not None), None)

    @property
    def acknowledged_s(self) -> float:
        """When; only of a row that was acknowledged."""
        first = self.acknowledged
        assert first is not None
        assert first.return_s is not None
        return first.return_s


@dataclass(frozen=True)
class Ledger:
    rows: tuple[Row, ...] = ()
    looked_at: Mapping[str, int] = field(default_factory=dict)
    """Who answered the looks → how many."""
    elsewhere: tuple[str, ...] = ()
    """By whom looks were answered that are no looks at all, because it was not the primary."""
    too_early: int = 0
    """Looks with an answer that began before the last fault."""
    controls: int = 0
    """Looks with an answer for rows that nobody has written."""
    found_by_controls: int = 0

    @property
    def acknowledged(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.acknowledged is not None)


def ledger_of(recording: Recording, via: str, audit: str, since_s: float = -math.inf) -> Ledger:
    """Rows written the way ``via``, looked for the way ``audit`` from ``since_s`` on; ``*`` stands for anything."""
    writes: dict[str, list[Operation]] = defaultdict(list)
    looks: dict[str, Operation] = {}
    looked_at: Counter[str] = Counter()
    elsewhere: set[str] = set()
    too_early = 0
    controls: list[Operation] = []
    for batch in recording.operations:
        for operation in batch.operations:
            if operation.kind == WRITE and fnmatchcase(operation.via, via):
                writes[operation.key].append(operation)
            elif operation.kind != READ or operation.return_s is None:
                continue
            elif fnmatchcase(operation.via, f"{audit} control"):
                controls.append(operation)
            elif fnmatchcase(operation.via, f"{audit}, *"):
                elsewhere.add(operation.via.rpartition(", ")[2])
            elif fnmatchcase(operation.via, audit) and operation.invoke_s < since_s:
                too_early += 1
            elif fnmatchcase(operation.via, audit):
                looked_at[operation.source or "not said"] += 1
                before = looks.get(operation.key)
                if before is None or before.invoke_s <= operation.invoke_s:
                    looks[operation.key] = operation
    rows = [_row(attempts, looks.get(key)) for key, attempts in writes.items()]
    return Ledger(
        tuple(sorted(rows, key=lambda row: row.attempts[0].invoke_s)),
        looked_at,
        tuple(sorted(elsewhere)),
        too_early,
        len(controls),
        sum(control.version is not None for control in controls),
    )


def _row(attempts: list[Operation], look: Operation | None) -> Row:
    in_order = tuple(sorted(attempts, key=attrgetter("invoke_s")))
    return Row(in_order, None) if look is None else Row(in_order, look.version or 0, look.cache != UNCOUNTED)


def but_unseen(writes: int) -> str:
    """What a sentence about writes adds for those that nobody has looked for with an answer; empty without any."""
    return f", and of {writes:,} nobody knows, because no look for them had an answer" if writes else ""


@dataclass(frozen=True)
class LedgerCriterion(Criterion):
    """A criterion about the rows of a ledger, after a fault that put them at risk."""

    evidence: ClassVar[str] = CLIENTS

    via: str = parameter("ledger", "the way of the writes that are judged, * for anything")
    audit: str = parameter("audit", "the way of the looks for them in the end, * for anything")
    fault: str = parameter("*", "the planned fault that puts them at risk, * for anything")
    remedy: str = parameter("", "what to say when there was no such fault, or no such operation")

    def judge(self, recording: Recording) -> Finding:
        struck_s = max((each.at_s for each in injections(recording, self.fault)), default=-math.inf)
        ledger = ledger_of(recording, self.via, self.audit, struck_s)
        if not ledger.rows:
            reason = f"no write came by way of {self.via}: users keep them with self.operation(...)"
            return self.inconclusive(with_remedy(reason, self.remedy))
        if not ledger.looked_at:
            reason = f"no look by way of {self.audit} for what was written had an answer, so nobody knows what is there"
            if ledger.too_early:
                reason += (
                    f"; {ledger.too_early:,} that did came before the last fault, and show nothing of what it took"
                )
            if ledger.elsewhere:
                reason += f"; those that did were answered by a {', '.join(ledger.elsewhere)}, not by the primary"
            return self.inconclusive(with_remedy(reason, self.remedy), self._extent(recording, ledger))
        if ledger.found_by_controls:
            reason = (
                f"{ledger.found_by_controls:,} of {ledger.controls:,} looks for a row that nobody has written found "
            )
            reason += "it, so that a row is found proves nothing: an answer for one that is not there has to be 404"
            return self.inconclusive(reason, self._extent(recording, ledger))
        return self.judge_rows(recording, ledger)

    def judge_rows(self, recording: Recording, ledger: Ledger) -> Finding:
        """There are rows, and some of them were looked for."""
        raise NotImplementedError

    def _extent(self, recording: Recording, ledger: Ledger) -> dict[str, Scalar]:
        unanswered = [row for row in ledger.rows if row.acknowledged is None]
        return {
            "writes": len(ledger.rows),
            "acknowledged": len(ledger.acknowledged),
            "without an answer": len(unanswered),
            "of these there": sum(bool(row.rows) for row in unanswered),
            "not looked for with an answer": sum(row.rows is None for row in ledger.rows),
            **({"looked for before the last fault": ledger.too_early} if ledger.too_early else {}),
            **{f"looks answered by {source}": count for source, count in sorted(ledger.looked_at.items())},
            "faults": len(injections(recording, self.fault)),
        }
