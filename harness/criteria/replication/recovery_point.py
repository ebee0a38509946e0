"""Recovery point: of how long a time before a fault acknowledged writes are lost. Its limit is the recovery point
objective (RPO).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from harness.criteria._injections import Injection
from harness.criteria._outcome import against, seconds
from harness.criteria.replication._ledger import Ledger, LedgerCriterion, Row
from harness.criteria.replication._risk import risk_of
from harness.findings import Finding
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording_values import Scalar


@dataclass(frozen=True)
class RecoveryPoint(LedgerCriterion):
    """The stretch of time of which acknowledged writes are lost at a fault is no longer than a limit.

    It goes from the oldest acknowledged write that is lost to the fault, or to the youngest one where that was
    acknowledged afterwards, by a primary that was none any more; a write belongs to the fault that is nearest to it.
    0: nothing was lost. A write that nobody has looked for with an answer may be lost as well, so it is in the
    interval. Whether writes were at risk at all is asked as in ``lost_writes``, which counts them.
    """

    title = "time of which acknowledged writes are lost"
    unit = "s"

    limit_s: float = parameter(0.0, "longest time in seconds before a fault of which acknowledged writes may be lost")
    at_risk_s: float = parameter(1.0, "so shortly before a fault, in seconds, a write has to be acknowledged", lowest=0)

    def judge_rows(self, recording: Recording, ledger: Ledger) -> Finding:
        acknowledged = ledger.acknowledged
        lost = [row for row in acknowledged if row.rows == 0]
        may_be_lost = [row for row in acknowledged if not row.rows]
        risk = risk_of(recording, acknowledged, self.fault, self.at_risk_s)
        evidence: dict[str, Scalar] = {"lost": len(lost), **self._extent(recording, ledger), **risk.evidence}
        if not risk.faults or (not lost and not risk.at_risk):
            return self.inconclusive(risk.why_none(self.fault, self.at_risk_s, self.remedy), evidence)
        interval = _longest_s(lost, risk.faults), _longest_s(may_be_lost, risk.faults)
        reason = f"{len(lost):,} of {len(acknowledged):,} acknowledged writes are lost"
        if lost:
            reason += f", of {seconds(interval[0])} before the fault"
        if len(may_be_lost) > len(lost):
            unknown = len(may_be_lost) - len(lost)
            reason += f", and of {unknown:,} nobody knows, because no look for them had an answer"
        outcome = against(self.limit_s, interval)
        return self.finding(outcome, f"{reason}; limit {seconds(self.limit_s)}", interval[0], interval, evidence)


def _longest_s(lost: Sequence[Row], faults: Sequence[Injection]) -> float:
    """Of all faults, the longest stretch."""
    of_fault: dict[float, list[float]] = defaultdict(list)
    for row in lost:
        of_fault[min((fault.at_s for fault in faults), key=lambda at_s: abs(at_s - row.acknowledged_s))].append(
            row.acknowledged_s
        )
    return max((max(at_s, *times) - min(at_s, *times) for at_s, times in of_fault.items()), default=0.0)
