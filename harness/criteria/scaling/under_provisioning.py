"""Replicas that were missing, on average."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria.scaling._provisioning import ProvisioningCriterion
from harness.criteria.scaling._step_function import Provisioning
from harness.plugins import parameter


@dataclass(frozen=True)
class UnderProvisioning(ProvisioningCriterion):
    """Few of the replicas that the demand needs are missing.

    θU: from the beginning of the baseline to the end of the run, the missing share of those needed, averaged over time.
    Needs a probe that counts ready replicas; definitions in :mod:`harness.criteria.scaling._step_function`.
    """

    title = "replicas missing"
    counted = "of the replicas needed were missing"

    limit: float = parameter(0.15, "largest missing share of the replicas needed, averaged over time")

    def figure_of(self, found: Provisioning) -> float:
        return found.under_ratio

    def time_share_of(self, found: Provisioning) -> float:
        return found.under_time_ratio
