"""Double spike: two equal spikes, a gap apart. Does the second one find a service that has really recovered?"""

from __future__ import annotations

from collections.abc import Iterator

from harness.plugins import parameter
from shapes._phased import Conflict
from shapes._profile import ARRIVALS, Herd, Polyline, Profile, chain
from shapes._surge import Points, Surge, paced

PLATEAU, HERD = KINDS = ("plateau", "herd")


class DoubleSpike(Surge):
    """Phases baseline, spike, recovery (the gap), spike-2, recovery-2: criteria judge the first pair by default.

    To compare, judge the second pair, too: a criterion takes ``phase="spike-2"``, and recovery_time
    ``spike="spike-2", recovery="recovery-2"``. Else it is only no PASS where it is slower than the run accepts. Each
    spike is a plateau at the peak, or a herd at its beginning.
    """

    abstract = True

    spike_kind: str = parameter(
        PLATEAU, "what a spike is: plateau (the peak, held) or herd (users who start at one instant)", choices=KINDS
    )
    spike_s: int = parameter(10, "length of each spike", lowest=1, highest=86_400)
    gap_s: int = parameter(60, "from the end of the first spike to the second", lowest=1, highest=86_400)
    herd_users: int = parameter(500, "users of each herd, where the spikes are herds")

    @property
    def size_option(self) -> str:
        return "peak" if self.spike_kind == PLATEAU else "herd_users"

    def build(self) -> Profile:
        onsets_s = (self.baseline_s, self.baseline_s + self.spike_s + self.gap_s)
        phases = chain(
            ("baseline", self.baseline_s),
            ("spike", self.spike_s),
            ("recovery", self.gap_s),
            ("spike-2", self.spike_s),
            ("recovery-2", self.recovery_s),
        )
        end_s = onsets_s[1] + self.spike_s + self.recovery_s
        if self.spike_kind == PLATEAU:
            return paced(phases, self._twice(onsets_s, self.peak, end_s), self.pacing, self.pool_users)
        background = paced(phases, Polyline(((0, self.base), (end_s, self.base))), ARRIVALS, self.pool_users)
        names = ("herd", "herd-2")
        return Profile(
            phases=phases,
            users=self._twice(onsets_s, self.base + self.herd_users, end_s),
            starts=background.starts,
            herds=tuple(Herd(name, float(t), self.herd_users) for name, t in zip(names, onsets_s, strict=True)),
            pool_users=background.pool_users + self.herd_users,
            background_users=background.pool_users,
        )

    def _twice(self, onsets_s: tuple[int, int], height: float, end_s: int) -> Polyline:
        points: list[tuple[float, float]] = [(0, self.base)]
        for t in onsets_s:
            back = t + self.spike_s
            points += [(t, self.base), (t, height), (back, height), (back, self.base)]
        return Polyline((*points, (end_s, self.base)))

    def conflicts(self) -> Iterator[Conflict]:
        if self.spike_kind == PLATEAU:
            yield from super().conflicts()
            return
        few = "--herd-users 0: a herd needs at least one user"
        yield ("spike_kind", "herd_users"), self.herd_users < 1, few
        closed = f"--pacing {self.pacing}: herds are released beside arrivals only, choose --pacing {ARRIVALS}"
        yield ("spike_kind", "pacing"), self.pacing != ARRIVALS, closed
        yield from self.pool_conflicts(self.base, "base")

    def curve(self) -> Points:
        """Not used: ``build`` draws both spikes."""
        raise NotImplementedError
