"""What a display knows of a run before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from harness.live.nodes import Nodes
from shapes._profile import Phase, Polyline, Profile

WARM_UP, DRAIN = "warm-up", "drain"


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
            return WARM_UP
        phase = self.profile.phase_at(t)
        return phase.name if phase else DRAIN


class Course:
    """What of a run has begun, each stretch once and in its order: a master that had no turn for as long as a phase
    takes tells of it all the same, if late.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._told = 0

    def begun(self, t: float | None) -> list[tuple[str, Phase | None]]:
        """Since it was asked last: name and phase, of which warm-up and drain are none. A run that is looked at when
        its first phase has begun has no warm-up.
        """
        stretches: list[tuple[str, Phase | None]] = [(WARM_UP, None)]
        if t is not None and t >= 0:
            stretches += [(phase.name, phase) for phase in self._profile.phases if phase.start_s <= t]
            stretches += [(DRAIN, None)] if t >= self._profile.duration_s else []
            self._told = max(self._told, 1)
        new = stretches[self._told :]
        self._told = max(self._told, len(stretches))
        return new


def note(plan: ShownPlan, nodes: Nodes) -> str:
    """How the load processes stand, as far as it has to be said."""
    if not nodes.joined:
        return f"{nodes.parked_users} of {plan.profile.pool_users} users parked"
    lost = f", {len(nodes.lost)} lost" if nodes.lost else ""
    return f"{len(nodes.joined)} load processes{lost}" if nodes.wanted > 1 else ""


BEFORE_S, AFTER_S = 0.6, 0.4
"""Nothing is read or drawn around a herd's instant, so that watching does not spread the release."""


def quiet_s(profile: Profile, elapsed_s: float | None) -> float | None:
    """Seconds until it is time to look again, None when it is time."""
    if elapsed_s is None:
        return None
    for herd in profile.herds:
        if herd.t - BEFORE_S <= elapsed_s < herd.t + AFTER_S:
            return round(herd.t + AFTER_S - elapsed_s + 0.05, 2)
    return None
