"""What the criteria about scaling have in common: where replicas are counted, and what one of them takes."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.findings import CLIENTS
from harness.plugins import parameter


@dataclass(frozen=True, kw_only=True)
class ReplicasCriterion(Criterion):
    """Ready replicas are counted as :mod:`harness.criteria.scaling._replicas` says."""

    evidence = CLIENTS
    """A load that comes late, or not at all, asks for other replicas than the plan, by which they are judged."""

    baseline: str = parameter("baseline", "phase before the load rises")
    ready: str = parameter("", "number in an autoscaler's JSON page of the replicas that are ready")
    wanted: str = parameter("", "number in an autoscaler's JSON page of the replicas that it wants")
    remedy: str = parameter("", "what to say when ready replicas were not counted")


@dataclass(frozen=True, kw_only=True)
class ElasticityCriterion(ReplicasCriterion):
    """Demand and supply are measured as :mod:`harness.criteria.scaling._elasticity` says."""

    capacity_per_s: float = parameter(0.0, "starts per second that one replica takes; 0: as far as the run shows")
    capacity_remedy: str = parameter("", "what to say when the run does not show it")
