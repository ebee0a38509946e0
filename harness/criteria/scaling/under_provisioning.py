"""Replicas that were missing, on average."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria.scaling._provisioning import judged
from harness.findings import Finding
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class UnderProvisioning(Criterion):
    """Few of the replicas that the demand needs are missing.

    θU: from the beginning of the baseline to the end of the run, the missing share of those needed, averaged over time.
    Needs a probe that counts ready replicas; definitions in :mod:`harness.criteria.scaling._step_function`.
    """

    limit: float = parameter(0.15, "largest missing share of the replicas needed, averaged over time")
    capacity_per_s: float = parameter(0.0, "starts per second that one replica takes; 0: as the run's option says")
    baseline: str = parameter("baseline", "phase before the load rises")

    def judge(self, recording: Recording) -> Finding:
        found = judged(
            recording,
            self.baseline,
            self.capacity_per_s,
            self.limit,
            figure=lambda point: point.under_ratio,
            time_share=lambda point: point.under_time_ratio,
            words="of the replicas needed were missing",
        )
        return dataclasses.replace(found, criterion=self.name or "under_provisioning", title="replicas missing")
