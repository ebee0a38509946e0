"""Sawtooth: again and again from base to peak evenly and back at once. For what adapts to a trend that breaks off."""

from __future__ import annotations

from harness.plugins import parameter
from shapes._surge import Points, Surge


class Sawtooth(Surge):
    """All teeth are together the spike phase, which ends with the last fall."""

    abstract = True

    teeth: int = parameter(4, "number of teeth", lowest=1, highest=1_000)
    period_s: int = parameter(15, "length of each tooth", lowest=1, highest=86_400)

    def curve(self) -> Points:
        points: list[tuple[float, float]] = []
        for tooth in range(self.teeth):
            points += [(tooth * self.period_s, self.base), ((tooth + 1) * self.period_s, self.peak)]
        return tuple(points)
