"""Pulse train: peak for a part of each period (the duty), base for the rest. For what recovers only in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from shapes._phased import Conflict
from shapes._surge import Points, Surge


class PulseTrain(Surge):
    """All pulses are together the spike phase. It ends with the last pulse, not with its period, because recovery
    counts from there; where that is within a second, at the end of that second.
    """

    abstract = True

    options: ClassVar[dict[str, str]] = {
        **Surge.options,
        "pulses": "number of pulses",
        "period_s": "from the beginning of a pulse to the beginning of the next, in whole seconds",
        "duty_ratio": "part of the period that is at the peak, above 0 and at most 1",
    }
    limits: ClassVar[dict[str, tuple[float, float]]] = {
        "pulses": (1, 1_000),
        "period_s": (1, 86_400),
        "duty_ratio": (0, 1),
    }

    pulses: int = 5
    period_s: int = 10
    duty_ratio: float = 0.3

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
