"""Soak: a moderate load for a long time. For what grows or wears out: memory, connections, disks, tokens."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plugins import parameter
from shapes._phased import Conflict
from shapes._surge import Points, Surge


class Soak(Surge):
    """The long load is the phase ``spike``, so that criteria judge it by default; it begins with a ramp, so that it
    is no shock. The recovery shows what is given back when the load is gone.
    """

    abstract = True

    base: float = 5.0
    peak: float = 30.0
    baseline_s: int = 60
    recovery_s: int = 120
    soak_s: int = parameter(3600, "length of the load with its ramp", lowest=1, highest=604_800)
    ramp_s: int = parameter(60, "from base to peak; at most the length of the load")

    def curve(self) -> Points:
        return (0, self.base), (self.ramp_s, self.peak), (self.soak_s, self.peak)

    def conflicts(self) -> Iterator[Conflict]:
        yield from super().conflicts()
        too_long = f"--ramp-s {self.ramp_s} is longer than --soak-s {self.soak_s}, the phase that it belongs to"
        yield ("ramp_s", "soak_s"), self.ramp_s > self.soak_s, too_long
