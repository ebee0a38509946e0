"""The judgement that under- and over-provisioning share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.criteria._outcome import against, percent
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._criterion import ElasticityCriterion
from harness.criteria.scaling._step_function import Provisioning, instability, provisioning
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True, kw_only=True)
class ProvisioningCriterion(ElasticityCriterion):
    """One of the two figures stays within the limit."""

    unit = "ratio"
    counted: ClassVar[str]
    """What the figure counts, to go on after "12 % …"."""

    limit: float = parameter(help="largest mean share that is accepted")

    def figure_of(self, found: Provisioning) -> float:
        raise NotImplementedError

    def time_share_of(self, found: Provisioning) -> float:
        raise NotImplementedError

    def judge(self, recording: Recording) -> Finding:
        measured = elasticity.measure(recording, self)
        if isinstance(measured, str):
            return self.inconclusive(measured)
        ready = measured.ready
        point = provisioning(measured.demand, ready.middle)
        # Small demand with many ready, and large demand with few: one has the least missing, the other the least idle.
        ends = provisioning(measured.least_demand, ready.high), provisioning(measured.demand, ready.low)
        low, high = sorted(self.figure_of(end) for end in ends)
        outcome = against(self.limit, (low, high))
        stretch_s = ready.middle.end_s - ready.middle.start_s
        mean = f"{percent(self.figure_of(point))} {self.counted} on average over {stretch_s:.0f} s"
        reason = f"{mean} ({percent(low)} to {percent(high)}), limit {percent(self.limit)}; "
        if outcome is not Outcome.INCONCLUSIVE:
            reason += str(measured.capacity)
        elif measured.capacity.given:
            reason += f"{measured.capacity}; a longer run would settle it"
        else:
            reason += elasticity.ask_for_capacity(measured, self)
        evidence = {
            "share of the time": percent(self.time_share_of(point)),
            "seconds in which demand and supply moved apart": percent(instability(measured.demand, ready.middle)),
            **measured.describe(),
        }
        return self.finding(outcome, reason, self.figure_of(point), (low, high), evidence)
