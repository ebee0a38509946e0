"""Avalanche: a herd that connects at one instant and stays, is dropped at another, and comes back."""

from __future__ import annotations

from typing import ClassVar

from shapes._profile import Herd as HerdAt
from shapes._profile import Polyline, Profile, chain
from shapes.herd import Herd


class Avalanche(Herd):
    """Baseline, spike (the connect storm), steady, drop (which begins with the reconnect storm), recovery.

    The shape releases the herd once; that its users stay, are dropped when the phase ``drop`` begins, and come back
    is up to the scenario. With stock users the crowd is spawned for the spike phase and stays until the end.
    """

    abstract = True

    options: ClassVar[dict[str, str]] = {
        **Herd.options,
        "steady_s": "time between the spike phase and the drop, in whole seconds",
        "drop_s": "length of the phase that begins with the drop, in whole seconds",
    }
    limits: ClassVar[dict[str, tuple[float, float]]] = {**Herd.limits, "drop_s": (1, 86_400)}

    steady_s: int = 8
    drop_s: int = 10

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
