"""The curve that a spike is nearest to: a trapezoid (ramp, plateau, ramp) or a smooth hill, by least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from harness.learn.level import Values

STEP, FLASH_CROWD, RAMP, HILL = "step", "flash crowd", "ramp", "hill"
BETTER = 0.85
"""A hill is one only where it leaves so much less over: a trapezoid has more parameters, and is easier to run."""
LEANING = 3.0
"""A ramp rises so many times longer than it falls, and stays at its top for less time than it rises."""


@dataclass(frozen=True)
class Fit:
    """M(t) = 1 + (m − 1)·f(t), with f from 0 to 1. Times are seconds after the spike's start."""

    family: str
    m: float
    ramp_up_s: float
    """From the usual level to the top; of a hill three of its standard deviations, as are ``ramp_down_s``."""
    plateau_s: float
    ramp_down_s: float
    start_s: float
    """Where it begins to rise, after the spike's own start."""
    explained_ratio: float
    """Share of the variance around the mean that the curve explains, R²."""

    @property
    def duration_s(self) -> float:
        return self.ramp_up_s + self.plateau_s + self.ramp_down_s

    def at(self, times_s: Values) -> Values:
        """M at each time."""
        if self.family == HILL:
            return 1 + (self.m - 1) * _hill(times_s - self.start_s - self.ramp_up_s, self.ramp_up_s / 3)
        edges = (self.start_s, self.ramp_up_s, self.plateau_s, self.ramp_down_s)
        return 1 + (self.m - 1) * _trapezoid(times_s, *edges)


def fitted(times_s: Values, m: Values, window_s: float, peak_m: float, time_to_peak_s: float, duration_s: float) -> Fit:
    """Of windows of ``window_s`` around their middles ``times_s``; the others are a first guess."""
    top = times_s[m >= 1 + 0.7 * (peak_m - 1)]
    first, last = (float(top[0]), float(top[-1])) if len(top) else (time_to_peak_s, time_to_peak_s)
    ends = max(duration_s, last + window_s)
    guess = np.array([0.0, max(first, window_s / 2), max(last - first, 0.0), max(ends - last, window_s / 2), peak_m])

    def trapezoid(of: Values) -> Values:
        start_s, up_s, plateau_s, down_s, height = of
        return np.asarray(1 + (height - 1) * _trapezoid(times_s, start_s, abs(up_s), abs(plateau_s), abs(down_s)))

    def hill(of: Values) -> Values:
        middle_s, sd_s, height = of
        return np.asarray(1 + (height - 1) * _hill(times_s - middle_s, max(abs(sd_s), 1e-3)))

    def left_over(curve: Values) -> float:
        return float(np.sum((m - curve) ** 2))

    flat = _best(lambda of: left_over(trapezoid(of)), guess)
    hilly = _best(lambda of: left_over(hill(of)), np.array([(first + last) / 2, max(duration_s / 5, window_s), peak_m]))
    whole = left_over(np.full(len(m), float(m.mean()))) or 1.0
    if left_over(hill(hilly)) < BETTER * left_over(trapezoid(flat)):
        middle_s, sd_s, height = (float(hilly[0]), abs(float(hilly[1])), float(hilly[2]))
        explained = 1 - left_over(hill(hilly)) / whole
        return Fit(HILL, height, 3 * sd_s, 0.0, 3 * sd_s, middle_s - 3 * sd_s, explained)
    start_s, height = float(flat[0]), float(flat[4])
    up_s, plateau_s, down_s = (abs(float(each)) for each in flat[1:4])
    explained = 1 - left_over(trapezoid(flat)) / whole
    return Fit(_family(up_s, plateau_s, down_s, window_s), height, up_s, plateau_s, down_s, start_s, explained)


def _family(up_s: float, plateau_s: float, down_s: float, window_s: float) -> str:
    if max(up_s, down_s) <= 1.5 * window_s and plateau_s >= window_s:
        return STEP
    if up_s > LEANING * down_s and plateau_s < up_s:
        return RAMP
    return FLASH_CROWD


def _best(cost: object, guess: Values) -> Values:
    options = {"maxiter": 2000, "xatol": 1e-3, "fatol": 1e-9}
    found = minimize(cost, guess, method="Nelder-Mead", options=options)  # type: ignore[call-overload]
    return np.asarray(found.x, dtype=np.float64)


def _trapezoid(times_s: Values, start_s: float, up_s: float, plateau_s: float, down_s: float) -> Values:
    since = times_s - start_s
    up = np.where(since < up_s, since / max(up_s, 1e-9), 1.0)
    falling = since - up_s - plateau_s
    down = np.where(falling > 0, 1 - falling / max(down_s, 1e-9), 1.0)
    return np.clip(np.minimum(up, down), 0.0, 1.0)


def _hill(away_s: Values, sd_s: float) -> Values:
    return np.asarray(np.exp(-((away_s / sd_s) ** 2) / 2) * (np.abs(away_s) < 8 * sd_s + math.ulp(1.0)))
