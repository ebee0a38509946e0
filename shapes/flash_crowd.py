"""Flash crowd: ramp to a peak, stay, ramp back (Bodik et al., SoCC 2010: a factor piecewise linear 1 → M → 1)."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plugins import parameter
from shapes._phased import Conflict
from shapes._surge import Points, Surge


class FlashCrowd(Surge):
    """Ramp up, plateau and ramp down are together the spike phase. M, the size of the crowd, is peak ÷ base."""

    abstract = True

    ramp_up_s: int = parameter(5, "from base to peak; 0 is a step")
    plateau_s: int = parameter(20, "time at the peak")
    ramp_down_s: int = parameter(5, "from peak to base; 0 is a step")

    def curve(self) -> Points:
        full_s = self.ramp_up_s + self.plateau_s
        return (0, self.base), (self.ramp_up_s, self.peak), (full_s, self.peak), (full_s + self.ramp_down_s, self.base)

    def conflicts(self) -> Iterator[Conflict]:
        yield from super().conflicts()
        spike_s = self.ramp_up_s + self.plateau_s + self.ramp_down_s
        nothing = "--plateau-s 0 with no ramps: the crowd would last no time at all"
        yield ("ramp_up_s", "plateau_s", "ramp_down_s"), spike_s < 1, nothing
