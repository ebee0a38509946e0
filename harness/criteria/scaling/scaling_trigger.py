"""Time from a rise of the demand until the autoscaler wants enough replicas."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._criterion import ElasticityCriterion
from harness.findings import Finding
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class ScalingTrigger(ElasticityCriterion):
    """Whenever the demand rises, enough replicas are wanted soon: the part of ``scaling_lag`` that is the autoscaler's.

    The slowest rise is judged. Never wanted is "longer than it was waited for". Needs a probe that knows what the
    autoscaler wants; definitions in :mod:`harness.criteria.scaling._elasticity`.
    """

    title = "demand risen to replicas wanted"
    unit = "s"

    limit_s: float = parameter(30.0, "largest time in seconds from a rise of the demand to enough wanted replicas")

    def judge(self, recording: Recording) -> Finding:
        measured = elasticity.measure(recording, self)
        if isinstance(measured, str):
            return self.inconclusive(measured)
        if measured.wanted is None:
            reason = "what the autoscaler wants was not sampled, so nobody knows when it decided"
            return self.inconclusive(with_remedy(reason, self.remedy), measured.describe())
        waits = [
            elasticity.waited(measured.wanted, demand, t, after)
            for demand in (measured.demand, measured.least_demand)
            for t, before, after in demand.changes()
            if after > before
        ]
        if not waits:
            reason = "the demand never rose, so there was nothing to decide: a higher peak would show it"
            return self.inconclusive(reason, measured.describe())
        low_s, high_s = max(low for low, _ in waits), max(high for _, high in waits)
        reason = f"the slowest of {len(waits)} rises was answered after {seconds(low_s)} to {seconds(high_s)}"
        if math.isinf(high_s):
            reason = f"a rise was not answered in the {seconds(low_s)} that it lasted"
        figure = None if math.isinf(high_s) else (low_s + high_s) / 2
        return self.finding(
            against(self.limit_s, (low_s, high_s)),
            f"{reason}; limit {seconds(self.limit_s)}",
            figure,
            (low_s, high_s),
            measured.describe(),
            censored=math.isinf(high_s),
        )
