"""Pulse train: peak for a part of each period (the duty), base for the rest. For what recovers only in between."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plugins import parameter
from shapes._phased import Conflict
from shapes._surge import Points, Surge


class PulseTrain(Surge):
    """All pulses are together the spike phase. It ends with the last pulse, not with its period, because recovery
    counts from there; where that is within a second, at the end of that second.
    """

    abstract = True

    pulses: int = parameter(5, "number of pulses", lowest=1, highest=1_000)
    period_s: int = parameter(
        10, "from the beginning of a pulse to the beginning of the next", lowest=1, highest=86_400
    )
    duty_ratio: float = parameter(0.3, "part of the period that is at the peak, above 0 and at most 1", highest=1)

    def curve(self) -> Points:
        points: list[tuple[float, float]] = []
        for pulse in range(self.pulses):
            on_s = pulse * self.period_s
            off_s = on_s + self.duty_ratio * self.period_s
            points += [(on_s, self.base), (on_s, self.peak), (off_s, self.peak), (off_s, self.base)]
        return tuple(points)

    def conflicts(self) -> Iterator[Conflict]:
        yield from super().conflicts()
        yield ("duty_ratio",), self.duty_ratio == 0, "--duty-ratio 0: the pulses would last no time at all"
