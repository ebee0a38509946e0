"""Recovery point: how far back before a fault acknowledged writes are lost. Its limit is the recovery point objective
(RPO).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria import _clocks
from harness.criteria._outcome import against, seconds
from harness.criteria.replication._ledger import Ledger, but_unseen
from harness.criteria.replication._lost_time import LostTime
from harness.criteria.replication._risk import RiskCriterion
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class RecoveryPoint(RiskCriterion):
    """The stretch of time of which acknowledged writes are lost at a fault is no longer than a limit.

    It goes from the oldest acknowledged write that is lost to the fault, or to the youngest one where that was
    acknowledged afterwards, by a primary that was none any more. To which of several faults a write is lost is not
    always known: the interval goes from the least of what is possible to the most, see
    :mod:`harness.criteria.replication._lost_time`. 0: nothing was lost. A write that nobody has looked for with an
    answer may be lost as well, so it is in the interval. Whether writes were at risk at all is asked as in
    ``lost_writes``, which counts them.
    """

    title = "time of which acknowledged writes are lost"
    unit = "s"

    limit_s: float = parameter(0.0, "longest time in seconds before a fault of which acknowledged writes may be lost")

    def judge_rows(self, recording: Recording, ledger: Ledger) -> Finding:
        acknowledged, lost, risk = self.at_risk(recording, ledger)
        may_be_lost = [row for row in acknowledged if not row.rows]
        evidence: dict[str, Scalar] = {"lost": len(lost), **self._extent(recording, ledger), **risk.evidence}
        if not risk.faults or (not lost and not risk.at_risk):
            return self.inconclusive(risk.why_none(self.fault, self.at_risk_s, self.remedy), evidence)
        there = [row for row in acknowledged if row.rows]
        error_s = _clocks.apart_s(_clocks.uncertainty_s(recording))
        interval = LostTime(risk.faults, there, error_s).longest_s(lost, may_be_lost)
        least, most = map(seconds, interval)
        reason = f"{len(lost):,} of {len(acknowledged):,} acknowledged writes are lost"
        if lost:
            reason += f", of {least if least == most else f'{least} to {most}'} before the fault"
        reason += but_unseen(len(may_be_lost) - len(lost))
        outcome = against(self.limit_s, interval)
        reason += f"; limit {seconds(self.limit_s)}"
        if outcome is Outcome.INCONCLUSIVE and lost and len(risk.faults) > 1:
            reason += "; to which fault they are lost is not known: a run with one, or answers that name their node, "
            reason += "would tell"
        return self.finding(outcome, reason, interval[0], interval, evidence)
