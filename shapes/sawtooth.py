"""Sawtooth: again and again from base to peak evenly and back at once. For what adapts to a trend that breaks off."""

from __future__ import annotations

from typing import ClassVar

from shapes._surge import Points, Surge


class Sawtooth(Surge):
    """All teeth are together the spike phase, which ends with the last fall."""

    abstract = True

    options: ClassVar[dict[str, str]] = {
        **Surge.options,
        "teeth": "number of teeth",
        "period_s": "length of each tooth, in whole seconds",
    }
    limits: ClassVar[dict[str, tuple[float, float]]] = {"teeth": (1, 1_000), "period_s": (1, 86_400)}

    teeth: int = 4
    period_s: int = 15

    def curve(self) -> Points:
        points: list[tuple[float, float]] = []
        for tooth in range(self.teeth):
            points += [(tooth * self.period_s, self.base), ((tooth + 1) * self.period_s, self.peak)]
        return tuple(points)
