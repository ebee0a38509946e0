"""What the criteria of scaling say about how they were measured."""

from __future__ import annotations

import math

from harness.criteria.scaling._elasticity import Elasticity
from harness.recording import Scalar


def about(measured: Elasticity) -> dict[str, Scalar]:
    """Evidence of each of them."""
    capacity = measured.capacity
    told: dict[str, Scalar] = {
        "ready replicas": f"as {measured.source} has them",
        "highest demand (replicas)": max(value for _, value in measured.demand.points),
        "most replicas ready": max(value for _, value in measured.ready.middle.points),
    }
    if capacity.given:
        told["capacity of a replica, as given (starts/s)"] = capacity.low_per_s
    if capacity.kept_per_s is not None:
        told["one replica kept the SLO at (starts/s)"] = capacity.kept_per_s
    if capacity.broken_per_s is not None:
        told["and broke it at (starts/s)"] = capacity.broken_per_s
    return told


def bracket(measured: Elasticity) -> str:
    """Capacity in words, for a reason."""
    capacity = measured.capacity
    if capacity.given:
        return f"one replica takes {capacity.low_per_s:g} starts/s"
    if math.isinf(capacity.high_per_s):
        return f"one replica takes {capacity.low_per_s:g} starts/s or more, as none was overloaded"
    return f"one replica takes {capacity.low_per_s:g} to {capacity.high_per_s:g} starts/s"
