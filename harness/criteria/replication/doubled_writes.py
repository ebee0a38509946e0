"""Doubled writes: rows that are there more than once, because a write that had taken effect was tried again."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._injections import injections, not_injected
from harness.criteria._outcome import against, seconds
from harness.criteria.replication._ledger import Ledger, LedgerCriterion, Row, but_unseen
from harness.findings import Finding
from harness.plugins import parameter
from harness.recording import Operation, Recording
from harness.recording.values import Scalar

EXAMPLES = 3


@dataclass(frozen=True)
class DoubledWrites(LedgerCriterion):
    """Writes that are there more than once when everything is over stay within a limit.

    Each has an id, under which it is sent again when there was no answer, so it has to be there once. A write that
    nobody has looked for with an answer may be doubled as well, so it is in the interval; so is one that was found by
    an answer which does not say how often it is there. There is no PASS unless some
    were sent again, or were under way when a fault came, or had no answer afterwards: nobody tries the others again.
    """

    title = "writes that are there more than once"
    unit = "writes"

    limit: float = parameter(0.0, "most writes that may be there more than once")

    def judge_rows(self, recording: Recording, ledger: Ledger) -> Finding:
        doubled = [row for row in ledger.rows if row.rows is not None and row.rows > 1]
        unknown = sum(row.rows is None for row in ledger.rows)
        uncounted = sum(bool(row.rows) and not row.is_counted for row in ledger.rows)
        met = self._met(recording, ledger)
        evidence: dict[str, Scalar] = {
            "doubled": len(doubled),
            "rows too many": sum((row.rows or 1) - 1 for row in doubled),
            "sent again": sum(len(row.attempts) > 1 for row in ledger.rows),
            "sent again, or met by a fault": met,
            **self._extent(recording, ledger),
            **{f"example {number}": _described(row) for number, row in enumerate(doubled[:EXAMPLES], start=1)},
        }
        if not doubled and not met:
            if not injections(recording, self.fault):
                reason = not_injected(self.fault, "nobody had a reason to send a write again", self.remedy)
            else:
                reason = "no write was sent again, none was under way when a fault came, and none had no answer "
                reason += "afterwards; more writers would put some there"
            return self.inconclusive(reason, evidence)
        interval = float(len(doubled)), float(len(doubled) + unknown + uncounted)
        reason = f"{len(doubled):,} of {len(ledger.rows):,} writes are there more than once"
        reason += but_unseen(unknown)
        if uncounted:
            reason += f"; of {uncounted:,} the answer does not say how many there are: let it, or name its field"
        outcome = against(self.limit, interval)
        return self.finding(outcome, f"{reason}; limit {self.limit:g}", interval[0], interval, evidence)

    def _met(self, recording: Recording, ledger: Ledger) -> int:
        faults = injections(recording, self.fault)
        return sum(
            len(row.attempts) > 1 or any(_is_met(row.attempts[0], fault.at_s) for fault in faults)
            for row in ledger.rows
        )


def _is_met(attempt: Operation, at_s: float) -> bool:
    if attempt.return_s is None:
        return attempt.invoke_s >= at_s
    return attempt.invoke_s < at_s <= attempt.return_s


def _described(row: Row) -> str:
    answer = "without an answer" if row.acknowledged is None else "acknowledged"
    return f"{row.key}, sent at {seconds(row.attempts[0].invoke_s)}, {answer}: {row.rows} rows"
