"""Diurnal: days of a service in short, λ(t) = λ0 · (1 + A sin(2πt/P + φ)), with bursts on top."""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.plugins import parameter
from shapes._phased import MOST_POINTS, Conflict
from shapes._surge import Points, Surge

SEGMENTS = 96
"""Straight pieces a period, as quarters of an hour in a day. Off by at most λ0·A·π²/(2·SEGMENTS²), 0.054 % of λ0·A:
a chord of length h is within h²/8 · max|λ″| of the curve, with h = P/SEGMENTS and max|λ″| = λ0·A·(2π/P)²."""


class Diurnal(Surge):
    """The days are the spike phase; baseline and recovery continue with the level at which they begin and end.

    Burst number k of n is centred at (k − ½)/n of all days: one a day is at the top, when the first day begins at the
    bottom.
    """

    abstract = True
    undeclared = ("base", "peak", "spike", "learned")

    mean: float = parameter(30.0, "mean level without bursts, λ0: starts per second (closed model: users)")
    amplitude_ratio: float = parameter(
        0.8, "how far the level goes up and down, as a part of the mean, A, from 0 to 1", highest=1
    )
    period_s: int = parameter(120, "length of a day, P", lowest=1, highest=604_800)
    days: int = parameter(2, "number of days", lowest=1, highest=200)
    start_ratio: float = parameter(
        0.75, "where in the curve the first day begins: 0 rising, 0.25 top, 0.5 falling, 0.75 bottom, φ/2π", highest=1
    )
    bursts: int = parameter(2, "number of bursts, spread evenly over all days", highest=1_000)
    burst_s: int = parameter(5, "length of each burst")
    burst: float = parameter(50.0, "level that a burst adds: starts per second (closed model: users)")

    @property
    def size_option(self) -> str:
        return "burst"

    def smooth(self, t: float) -> float:
        """λ(t) without bursts, t seconds after the first day began. Not below 0 by rounding."""
        angle = 2 * math.pi * (t / self.period_s + self.start_ratio)
        return max(0.0, self.mean * (1 + self.amplitude_ratio * math.sin(angle)))

    def curve(self) -> Points:
        bursts = self._bursts()
        grid = {k * self.period_s / SEGMENTS for k in range(self.days * SEGMENTS)}
        times = sorted(grid | {self._days_s} | {edge for burst in bursts for edge in burst})
        points: list[tuple[float, float]] = []
        for t in times:
            level = self.smooth(t)
            before = level + self.burst * any(start < t <= end for start, end in bursts)
            after = level + self.burst * any(start <= t < end for start, end in bursts)
            points += [(t, before), (t, after)] if before != after else [(t, after)]
        return tuple(points)

    def rest(self) -> tuple[float, float]:
        return self.smooth(0), self.smooth(self._days_s)

    def conflicts(self) -> Iterator[Conflict]:
        every_s = self._days_s / max(1, self.bursts)
        apart = f"{self.bursts} bursts of {self.burst_s} s do not fit into {self._days_s} s without touching"
        yield ("bursts", "burst_s", "days", "period_s"), self.bursts > 0 and self.burst_s >= every_s, apart
        empty = f"{self.bursts} bursts need --burst-s and --burst above 0"
        yield ("bursts", "burst_s", "burst"), self.bursts > 0 and not self.burst_s * self.burst, empty
        points = self.days * SEGMENTS + 4 * self.bursts
        many = f"{self.days} days and {self.bursts} bursts make {points:,} points: at most {MOST_POINTS:,} are possible"
        yield ("days", "bursts"), points > MOST_POINTS, many
        highest = self.mean * (1 + self.amplitude_ratio) + (self.burst if self.bursts else 0)
        yield from self.pool_conflicts(highest, "mean", "amplitude_ratio", "bursts", "burst")

    @property
    def _days_s(self) -> int:
        return self.days * self.period_s

    def _bursts(self) -> list[tuple[float, float]]:
        """Beginning and end of each burst."""
        middles = [(k + 0.5) / self.bursts * self._days_s for k in range(self.bursts)]
        return [(middle - self.burst_s / 2, middle + self.burst_s / 2) for middle in middles]
