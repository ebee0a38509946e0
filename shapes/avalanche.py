"""Avalanche: a herd that connects at one instant and stays, is dropped at another, and comes back."""

from __future__ import annotations

from harness.plugins import parameter
from shapes._profile import Herd as HerdAt
from shapes._profile import Polyline, Profile, chain
from shapes.herd import Herd


class Avalanche(Herd):
    """Baseline, spike (the connect storm), steady, drop (which begins with the reconnect storm), recovery.

    The shape releases the herd once; that its users stay, are dropped when the phase ``drop`` begins, and come back
    is up to the scenario. With stock users the crowd is spawned for the spike phase and stays until the end.
    """

    abstract = True

    steady_s: int = parameter(8, "time between the spike phase and the drop")
    drop_s: int = parameter(10, "length of the phase that begins with the drop", lowest=1, highest=86_400)

    def build(self) -> Profile:
        phases = chain(
            ("baseline", self.baseline_s),
            ("spike", self.spike_s),
            ("steady", self.steady_s),
            ("drop", self.drop_s),
            ("recovery", self.recovery_s),
        )
        onset, end = self.baseline_s, phases[-1].end_s
        few, many = self.canary_users, self.canary_users + self.herd_users
        return Profile(
            phases=phases,
            users=Polyline(((0, few), (onset, few), (onset, many), (end, many))),
            starts=Polyline(((0, self.canary_per_s), (end, self.canary_per_s))),
            herds=(HerdAt("herd", float(onset), self.herd_users),),
            pool_users=many,
            background_users=self.canary_users,
        )
