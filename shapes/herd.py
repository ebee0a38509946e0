"""Herd: a thin canary stream, and a crowd that starts at one instant."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plugins import parameter
from shapes._phased import Conflict, PhasedShape
from shapes._profile import Herd as HerdAt
from shapes._profile import Polyline, Profile, chain


class Herd(PhasedShape):
    """Baseline, one herd, recovery. The canary stream runs all the time at a constant rate.

    The spike phase begins at the herd's instant. With stock users the crowd is spawned for the spike phase. Herds are
    released beside arrivals, so there is no choice of pacing; the pool is ``canary_users`` and ``herd_users``.
    """

    abstract = True
    of_pacers = ("canary_per_s",)

    baseline_s: int = parameter(30, "length of the baseline before the herd (30 or more to judge recovery)")
    herd_users: int = parameter(500, "users who start at the same instant", lowest=1)
    spike_s: int = parameter(1, "length of the spike phase, which begins with the herd", lowest=1, highest=86_400)
    recovery_s: int = parameter(45, "how long to watch after the spike")
    canary_per_s: float = parameter(
        10.0, "canary starts per second in all phases: the samples of baseline and recovery"
    )
    canary_users: int = parameter(50, "users who serve the canary stream; with stock users, users outside the spike")

    @property
    def size_option(self) -> str:
        return "herd_users"

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
        nobody = f"--canary-users 0: {self.canary_per_s:g} canary starts/s need users to serve them"
        yield ("canary_per_s", "canary_users"), self.canary_per_s > 0 and self.canary_users < 1, nobody
