"""What a display knows of a run before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from harness.live.nodes import Nodes
from shapes._profile import Polyline, Profile


@dataclass(frozen=True)
class ShownPlan:
    run: str
    scenario: str
    target: str
    """Its address, without user info."""
    profile: Profile
    level: Polyline
    """The planned load, without herds."""
    level_unit: str

    def stretch(self, t: float | None) -> str:
        """Name of the phase at ``t``, ``warm-up`` before the first one, ``drain`` after the last one."""
        if t is None or t < 0:
            return "warm-up"
        phase = self.profile.phase_at(t)
        return phase.name if phase else "drain"


def note(plan: ShownPlan, nodes: Nodes) -> str:
    """How the load processes stand, as far as it has to be said."""
    if not nodes.joined:
        return f"{nodes.parked_users} of {plan.profile.pool_users} users parked"
    lost = f", {len(nodes.lost)} lost" if nodes.lost else ""
    return f"{len(nodes.joined)} load processes{lost}" if nodes.wanted > 1 else ""
