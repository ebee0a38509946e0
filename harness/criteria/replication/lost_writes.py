"""Lost writes: acknowledged, and not there in the end."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._outcome import against, seconds
from harness.criteria.replication._ledger import Ledger, Row, but_unseen
from harness.criteria.replication._risk import RiskCriterion
from harness.findings import Finding
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar

EXAMPLES = 3


@dataclass(frozen=True)
class LostWrites(RiskCriterion):
    """Writes that had a good answer and are not there when everything is over stay within a limit.

    A write that nobody has looked for with an answer may be lost as well, so it is in the interval. There is no PASS
    unless writes were acknowledged in the last ``at_risk_s`` before a fault that showed in anything, see
    :mod:`harness.criteria._effects`: only those that have not reached a replica yet can be lost, and only where it was
    the primary that was struck. A write without an answer may be there or not, and is told as a count.
    """

    title = "acknowledged writes that are lost"
    unit = "writes"

    limit: float = parameter(0.0, "most acknowledged writes that may be lost")

    def judge_rows(self, recording: Recording, ledger: Ledger) -> Finding:
        acknowledged, lost, risk = self.at_risk(recording, ledger)
        unknown = sum(row.rows is None for row in acknowledged)
        evidence: dict[str, Scalar] = {
            "lost": len(lost),
            "acknowledged in the last second before a fault": risk.before_any,
            **self._extent(recording, ledger),
            **risk.evidence,
            **{f"example {number}": _described(row) for number, row in enumerate(lost[:EXAMPLES], start=1)},
        }
        if not acknowledged:
            return self.inconclusive(f"none of {len(ledger.rows):,} writes was acknowledged", evidence)
        interval = float(len(lost)), float(len(lost) + unknown)
        outcome = against(self.limit, interval)
        if not lost and not risk.at_risk:
            return self.inconclusive(risk.why_none(self.fault, self.at_risk_s, self.remedy), evidence)
        reason = f"{len(lost):,} of {len(acknowledged):,} acknowledged writes are not there"
        reason += but_unseen(unknown)
        unanswered = len(ledger.rows) - len(acknowledged)
        if unanswered:
            there = evidence["of these there"]
            reason += f" ({unanswered:,} more had no answer, and {there} of these are there)"
        return self.finding(outcome, f"{reason}; limit {self.limit:g}", interval[0], interval, evidence)


def _described(row: Row) -> str:
    by = f" by {row.acknowledged.source}" if row.acknowledged is not None and row.acknowledged.source else ""
    return f"{row.key}, acknowledged{by} at {seconds(row.acknowledged_s)}"
