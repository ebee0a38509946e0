"""Staircase: base + kΔ held for H seconds each, k = 1 … K, up to the peak. For capacity and elasticity."""

from __future__ import annotations

from harness.plugins import parameter
from shapes._surge import Points, Surge


class Staircase(Surge):
    """Δ = (peak − base) ÷ K. Each step is a phase: step-1, step-2 …; the highest is ``spike``, so it is judged.

    With ``idle_s`` a phase ``idle`` without any load ends the run.

    To judge another step as well, give its name to a criterion, e.g. ``phase="step-2"``.
    """

    abstract = True

    steps: int = parameter(5, "number of steps above the base, K", lowest=1, highest=100)
    hold_s: int = parameter(30, "length of each step, H", lowest=1, highest=86_400)
    idle_s: int = parameter(0, "how long to watch without any load at the end: what is not given back shows")

    def curve(self) -> Points:
        points: list[tuple[float, float]] = []
        for k in range(1, self.steps + 1):
            # In this form the last step is the peak exactly.
            height = self.base * (1 - k / self.steps) + self.peak * (k / self.steps)
            points += [((k - 1) * self.hold_s, height), (k * self.hold_s, height)]
        return tuple(points)

    def spike_phases(self, spike_s: int) -> tuple[tuple[str, int], ...]:
        assert spike_s == self.steps * self.hold_s
        return (*((f"step-{k}", self.hold_s) for k in range(1, self.steps)), ("spike", self.hold_s))
