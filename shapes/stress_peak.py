"""Stress peak: a smooth hill. Starts follow the normal distribution's curve, with no corner anywhere.

The N starts of the hill above the base come at D·(h_i + t0)/(2·t0), with h_i = erfinv(2x_i − 1), x_i = i/(N + 2) and
t0 = |h_1| (the formula of Gatling's stressPeakUsers). erfinv(2x − 1) = Φ⁻¹(x)/√2, and the √2 cancels. The number of
starts until t is (N + 2)·Φ(z) with z = z0·(2t/D − 1), z0 = −Φ⁻¹(1/(N + 2)), so their rate is

    λ(t) = (N + 2) · φ(z) · 2·z0/D      with the peak (N + 2) · 2·z0/(D·√(2π)) at D/2.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from harness.plugins import parameter
from shapes._profile import sampled
from shapes._surge import Points, Surge

SEGMENTS = 100
"""Straight pieces. Off by at most (2·z0/SEGMENTS)²/8 of the height: 0.05 % for N = 1,000, 0.11 % for a million;
the number of starts, by the trapezoidal rule, at most 0.004 % of N."""

_NORMAL = NormalDist()


class StressPeak(Surge):
    """The hill is the spike phase. Its height is given, peak − base, and N follows from it: see ``hill_starts``."""

    abstract = True

    spike_s: int = parameter(60, "length of the hill, D", lowest=1, highest=86_400)

    @property
    def hill_starts(self) -> float:
        """N, found from the height by bisection: the height grows with N. Need not be whole."""
        height = self.peak - self.base
        low, high = 0.0, 1.0
        while _height(high, self.spike_s) < height:
            high *= 2
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if _height(middle, self.spike_s) < height else (low, middle)
        return high

    def curve(self) -> Points:
        n = self.hill_starts
        z0 = _half_width(n)

        def hill(t: float) -> float:
            return (self.peak - self.base) * math.exp(-((z0 * (2 * t / self.spike_s - 1)) ** 2) / 2)

        points = sampled(hill, (self.spike_s * k / SEGMENTS for k in range(SEGMENTS + 1)))
        return tuple((t, self.base + level) for t, level in points)


def _half_width(n: float) -> float:
    """z0, half the width of the hill in standard deviations."""
    return -_NORMAL.inv_cdf(1 / (n + 2))


def _height(n: float, duration_s: float) -> float:
    """The highest rate of ``n`` starts in ``duration_s``."""
    return (n + 2) * 2 * _half_width(n) / (duration_s * math.sqrt(2 * math.pi))
