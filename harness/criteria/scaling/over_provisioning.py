"""Replicas that were idle, on average."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria.scaling._provisioning import judged
from harness.findings import Finding
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class OverProvisioning(Criterion):
    """Few replicas are ready beyond those that the demand needs.

    θO: from the beginning of the baseline to the end of the run, the surplus over those needed, averaged over time; 1
    is twice as many as needed all the time. Needs a probe that counts ready replicas; definitions in
    :mod:`harness.criteria.scaling._step_function`.
    """

    limit: float = parameter(0.5, "largest surplus of ready replicas over those needed, averaged over time")
    capacity_per_s: float = parameter(0.0, "starts per second that one replica takes; 0: as the run's option says")
    baseline: str = parameter("baseline", "phase before the load rises")

    def judge(self, recording: Recording) -> Finding:
        found = judged(
            recording,
            self.baseline,
            self.capacity_per_s,
            self.limit,
            figure=lambda point: point.over_ratio,
            time_share=lambda point: point.over_time_ratio,
            words="more replicas than needed were ready",
        )
        return dataclasses.replace(found, criterion=self.name or "over_provisioning", title="replicas idle")
