"""Flash crowd: ramp to a peak, stay, ramp back (Bodik et al., SoCC 2010: piecewise linear 1 → M → 1)."""

from __future__ import annotations

import math
from typing import ClassVar

from shapes._phased import PhasedShape
from shapes._profile import Polyline, Profile, chain


class FlashCrowd(PhasedShape):
    """Baseline, ramp up, plateau and ramp down (together the spike phase), recovery.

    ``base`` and ``peak`` are starts per second with users that can be parked (open model) and users with stock
    users (closed model: a slow target then slows the load down, too).
    """

    abstract = True

    options: ClassVar[dict[str, str]] = {
        "baseline_s": "length of the baseline before the crowd, in whole seconds (30 or more to judge recovery)",
        "ramp_up_s": "from base to peak, in whole seconds; 0 is a step",
        "plateau_s": "time at the peak, in whole seconds",
        "ramp_down_s": "from peak to base, in whole seconds; 0 is a step",
        "recovery_s": "how long to watch after the spike, in whole seconds",
        "base": "level outside the crowd: starts per second (with stock users: users)",
        "peak": "level of the crowd: starts per second (with stock users: users)",
        "pool_users": "users to park; 0 chooses two seconds' worth of the peak",
    }

    baseline_s: int = 30
    ramp_up_s: int = 5
    plateau_s: int = 20
    ramp_down_s: int = 5
    recovery_s: int = 60
    base: float = 10.0
    peak: float = 100.0
    pool_users: int = 0

    def profile(self) -> Profile:
        spike_s = self.ramp_up_s + self.plateau_s + self.ramp_down_s
        phases = chain(("baseline", self.baseline_s), ("spike", spike_s), ("recovery", self.recovery_s))
        t0 = self.baseline_s
        t1 = t0 + self.ramp_up_s
        t2 = t1 + self.plateau_s
        t3 = t2 + self.ramp_down_s
        level = Polyline(
            (
                (0, self.base),
                (t0, self.base),
                (t1, self.peak),
                (t2, self.peak),
                (t3, self.base),
                (t3 + self.recovery_s, self.base),
            )
        )
        pool_users = self.pool_users or max(10, math.ceil(2 * self.peak))
        return Profile(phases, users=level, starts=level, pool_users=pool_users, background_users=pool_users)

    def problems(self) -> list[str]:
        found = super().problems()
        if not found:
            if self.ramp_up_s + self.plateau_s + self.ramp_down_s < 1:
                found.append("--plateau-s 0 with no ramps: the crowd would last no time at all")
            if self.peak < self.base:
                found.append(f"--peak {self.peak:g} is below --base {self.base:g}: that is no crowd")
        return found
