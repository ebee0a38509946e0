"""Replicas that were idle, on average."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria.scaling._provisioning import ProvisioningCriterion
from harness.criteria.scaling._step_function import Provisioning
from harness.plugins import parameter


@dataclass(frozen=True)
class OverProvisioning(ProvisioningCriterion):
    """Few replicas are ready beyond those that the demand needs.

    θO: from the beginning of the baseline to the end of the run, the surplus over those needed, averaged over time; 1
    is twice as many as needed all the time. Needs a probe that counts ready replicas; definitions in
    :mod:`harness.criteria.scaling._step_function`.
    """

    title = "replicas idle"
    counted = "more replicas than needed were ready"

    limit: float = parameter(0.5, "largest surplus of ready replicas over those needed, averaged over time")

    def figure_of(self, found: Provisioning) -> float:
        return found.over_ratio

    def time_share_of(self, found: Provisioning) -> float:
        return found.over_time_ratio
