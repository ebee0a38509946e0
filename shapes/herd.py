"""Herd: a thin stream of background users, and a crowd that starts at one instant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from shapes._phased import Conflict, PhasedShape
from shapes._profile import Herd as HerdAt
from shapes._profile import Polyline, Profile, chain


class Herd(PhasedShape):
    """Baseline, one herd, recovery. The background stream (the canary) runs all the time at a constant rate.

    The spike phase begins at the herd's instant. With stock users the crowd is spawned for the spike phase. Herds are
    released beside arrivals, so there is no choice of pacing; the pool is ``canary_users`` and ``herd_users``.
    """

    abstract = True

    options: ClassVar[dict[str, str]] = {
        "baseline_s": "length of the baseline before the herd, in whole seconds (30 or more to judge recovery)",
        "herd_users": "users who start at the same instant",
        "spike_s": "length of the spike phase, which begins with the herd, in whole seconds",
        "recovery_s": "how long to watch after the spike, in whole seconds",
        "canary_per_s": "background starts per second in all phases, the samples of baseline and recovery",
        "canary_users": "users who serve the background stream; with stock users, users outside the spike",
    }
    limits: ClassVar[dict[str, tuple[float, float]]] = {"herd_users": (1, 1_000_000), "spike_s": (1, 86_400)}

    baseline_s: int = 30
    herd_users: int = 500
    spike_s: int = 1
    recovery_s: int = 45
    canary_per_s: float = 10.0
    canary_users: int = 50

    def build(self) -> Profile:
        phases = chain(("baseline", self.baseline_s), ("spike", self.spike_s), ("recovery", self.recovery_s))
        onset, back, end = self.baseline_s, self.baseline_s + self.spike_s, phases[-1].end_s
        few, many = self.canary_users, self.canary_users + self.herd_users
        return Profile(
            phases=phases,
            users=Polyline(((0, few), (onset, few), (onset, many), (back, many), (back, few), (end, few))),
            starts=Polyline(((0, self.canary_per_s), (end, self.canary_per_s))),
            herds=(HerdAt("herd", float(onset), self.herd_users),),
            pool_users=many,
            background_users=self.canary_users,
        )

    def conflicts(self) -> Iterator[Conflict]:
        nobody = f"--canary-users 0: {self.canary_per_s:g} background starts/s need users to serve them"
        yield ("canary_per_s", "canary_users"), self.canary_per_s > 0 and self.canary_users < 1, nobody
