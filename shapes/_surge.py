"""Surge: what nearly all shapes have in common, a baseline, a curve that is the spike, and a recovery."""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.plugins import parameter
from shapes._classes import POOL_S, pool_for
from shapes._learned import times_of_level
from shapes._phased import MOST, Conflict, PhasedShape
from shapes._profile import ARRIVALS, PACING_HELP, PACINGS, USERS, Phase, Polyline, Profile, chain

Points = tuple[tuple[float, float], ...]


class Surge(PhasedShape):
    """A concrete one gives ``curve()``. Its phases are called as the criteria expect it: baseline, spike, recovery.

    A level is in starts per second with users that can be parked and ``pacing`` arrivals (open model), and in users
    with ``pacing`` users or with Locust's own users (closed model: a slow target slows the load down, too).
    """

    abstract = True
    of_pacers = ("pacing", "pool_users")

    baseline_s: int = parameter(30, "length of the baseline before the spike (30 or more to judge recovery)")
    recovery_s: int = parameter(60, "how long to watch after the spike")
    idle_s: int = 0
    """For those who make it an option: time without any load at the very end."""
    base: float = parameter(10.0, "level before and after the spike: starts per second (closed model: users)")
    peak: float = parameter(100.0, "highest level: starts per second (closed model: users)")
    spike: str = parameter(
        "", "size of the spike in place of the peak, by what was learned: expected:30d (its upper end) or largest"
    )
    learned: str = parameter("", "file that springback learn has written, for the size of the spike")
    pacing: str = parameter(ARRIVALS, PACING_HELP, choices=PACINGS)
    pool_users: int = parameter(
        0, f"users to park; 0 chooses {POOL_S} seconds' worth of the peak (closed model: the peak)"
    )

    _spike_problem = ""

    @property
    def size_option(self) -> str:
        return "peak"

    def curve(self) -> Points:
        """The spike as (seconds after its onset, level), beginning at 0; two points with one time are a step."""
        raise NotImplementedError

    def rest(self) -> tuple[float, float]:
        """Level of the baseline and level of the recovery."""
        return self.base, self.base

    def spike_phases(self, spike_s: int) -> tuple[tuple[str, int], ...]:
        """Names and lengths in whole seconds of the phases that make up the spike."""
        return (("spike", spike_s),)

    def build(self) -> Profile:
        curve, (before, after) = self.curve(), self.rest()
        spike_s = math.ceil(curve[-1][0])
        phases = chain(
            ("baseline", self.baseline_s),
            *self.spike_phases(spike_s),
            ("recovery", self.recovery_s),
            ("idle", self.idle_s),
        )
        onset_s = self.baseline_s
        level = Polyline(
            (
                (0, before),
                (onset_s, before),
                *((onset_s + t, height) for t, height in curve),
                (onset_s + curve[-1][0], after),
                (onset_s + spike_s + self.recovery_s, after),
                *(((phases[-1].end_s - self.idle_s, 0), (phases[-1].end_s, 0)) if self.idle_s else ()),
            )
        )
        return paced(phases, level, self.pacing, self.pool_users)

    def problems(self) -> list[str]:
        self._spike_problem = ""
        if self.spike and "spike" in self.parameters:
            m, self._spike_problem = times_of_level(self.spike, self.learned)
            if not self._spike_problem and self.parameters["base"].problem(self.base) is None:
                self.peak = round(self.base * m, 3)
        return super().problems()

    def conflicts(self) -> Iterator[Conflict]:
        yield ("spike", "learned"), bool(self._spike_problem), self._spike_problem
        nothing = f"--spike {self.spike}: it is so many times --base, which is 0"
        yield ("spike", "base"), bool(self.spike) and self.base == 0, nothing
        yield ("base", "peak"), self.peak < self.base, f"--peak {self.peak:g} is below --base {self.base:g}"
        yield from self.pool_conflicts(self.peak, "peak")

    def pool_conflicts(self, peak: float, *involved: str) -> Iterator[Conflict]:
        """What the pool cannot be when the highest level is ``peak``, which the options ``involved`` decide."""
        given, closed = self.pool_users, self.pacing == USERS
        options = (*involved, "pool_users", "pacing")
        few = f"--pool-users {given} are fewer than the {peak:,.0f} that are active at the peak"
        yield options, closed and 0 < given < peak, few
        many = f"a peak of {peak:,.0f} starts/s would park {peak * POOL_S:,.0f} users: choose fewer with --pool-users"
        yield options, not closed and not given and peak * POOL_S > MOST, many


def paced(phases: tuple[Phase, ...], level: Polyline, pacing: str, pool_users: int) -> Profile:
    """The profile of one level, with its pool of users: as many as were asked for, or by rule where that is 0."""
    pool_users = pool_users or pool_for(level.peak, pacing)
    starts = Polyline(((0, 0), (phases[-1].end_s, 0))) if pacing == USERS else level
    return Profile(
        phases, users=level, starts=starts, pool_users=pool_users, background_users=pool_users, pacing=pacing
    )
