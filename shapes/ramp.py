"""Ramp: from base to peak evenly, then held, and back at once. Shows the load at which a service gives in."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plugins import parameter
from shapes._phased import Conflict
from shapes._surge import Points, Surge


class Ramp(Surge):
    """The spike phase is the ramp, and what is left of ``spike_s`` at the peak."""

    abstract = True

    spike_s: int = parameter(
        90, "length of the spike phase, the ramp and the time at the peak", lowest=1, highest=604_800
    )
    ramp_s: int = parameter(60, "from base to peak; at most the length of the spike phase")

    def curve(self) -> Points:
        return (0, self.base), (self.ramp_s, self.peak), (self.spike_s, self.peak)

    def conflicts(self) -> Iterator[Conflict]:
        yield from super().conflicts()
        too_long = f"--ramp-s {self.ramp_s} is longer than --spike-s {self.spike_s}, the phase that it belongs to"
        yield ("ramp_s", "spike_s"), self.ramp_s > self.spike_s, too_long
