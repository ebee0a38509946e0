"""Spikes in a level over time: where it is far above its usual level, and what each of them looks like."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.learn.fitting import Fit, fitted
from harness.learn.level import Observed, Values

LEAST_M = 1.5
"""Less than this many times the usual level is no spike."""
NOISE_SD, PEAKS_SD = 4.0, 3.0
"""Nor is less than so many robust standard deviations of the level around the usual one. What is only to show how large
peaks become may begin lower: a few of noise among them do no harm."""
APART_S = 3_600
"""Exceedances nearer to each other belong to one spike."""
FOOT = 0.1
"""A spike begins and ends where a tenth of its height is left."""


@dataclass(frozen=True)
class Spike:
    """One, with its features. M is the level ÷ the usual level."""

    start_s: float
    """After the first window: the last window before the peak that is at the foot."""
    peak_s: float
    end_s: float
    peak: float
    """Highest level of a window."""
    usual: float
    """Usual level at the peak."""
    is_whole: bool
    """False where the data begin or end in it: then its duration is at least that."""

    @property
    def m(self) -> float:
        return self.peak / self.usual

    @property
    def time_to_peak_s(self) -> float:
        return self.peak_s - self.start_s

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def steepness_per_s(self) -> float:
        """Usual levels that are gained per second on the way to the peak."""
        return (self.m - 1) / max(self.time_to_peak_s, 1.0)


@dataclass(frozen=True)
class Spikes:
    threshold: float
    """The least M that counts as a spike in these data."""
    spikes: tuple[Spike, ...]
    """In the order of time."""
    noise: float
    """Robust standard deviation of log M: what the usual level is known to."""

    @property
    def largest(self) -> Spike | None:
        return max(self.spikes, key=lambda spike: spike.m, default=None)


def find(observed: Observed, usual: Values, noise_sd: float = NOISE_SD) -> Spikes:
    """All spikes. ``usual`` is that of :func:`harness.learn.level.usual_level`."""
    m = observed.values / np.where(usual > 0, usual, np.nan)
    noise = _noise(m)
    threshold = max(LEAST_M, math.exp(noise_sd * noise))
    places = np.flatnonzero(np.nan_to_num(m) >= threshold)
    if not len(places):
        return Spikes(threshold, (), noise)
    apart = max(APART_S / observed.window_s, 2.0)
    groups = np.split(places, np.flatnonzero(np.diff(places) > apart) + 1)
    return Spikes(threshold, tuple(_spike(observed, usual, m, group) for group in groups), noise)


def without(observed: Observed, found: Spikes) -> Observed:
    """The level of which nothing is known where there is a spike."""
    values = observed.values.copy()
    for spike in found.spikes:
        values[round(spike.start_s / observed.window_s) : round(spike.end_s / observed.window_s)] = np.nan
    return replace(observed, values=values)


def fit(observed: Observed, usual: Values, spike: Spike) -> Fit:
    """The family of curves that this spike is nearest to."""
    step = observed.window_s
    first, last = round(spike.start_s / step), round(spike.end_s / step)
    margin = max(2, (last - first) // 4)
    low, high = max(0, first - margin), min(len(observed.values), last + margin + 1)
    m = observed.values[low:high] / usual[low:high]
    known = np.isfinite(m)
    times_s: Values = np.asarray((np.arange(low, high) + 0.5) * step - spike.start_s, dtype=np.float64)
    return fitted(times_s[known], m[known], float(step), spike.m, spike.time_to_peak_s, spike.duration_s)


def _noise(m: Values) -> float:
    """Robust standard deviation of log M."""
    logs = np.log(m[np.isfinite(m) & (m > 0)])
    return 1.4826 * float(np.median(np.abs(logs - np.median(logs)))) if len(logs) else 0.0


def _spike(observed: Observed, usual: Values, m: Values, group: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Spike:
    peak = int(group[np.argmax(m[group])])
    foot = 1 + FOOT * (m[peak] - 1)
    before = np.flatnonzero(~(m[: group[0]] > foot))
    after = np.flatnonzero(~(m[group[-1] + 1 :] > foot))
    start = int(before[-1]) + 1 if len(before) else 0
    end = int(group[-1]) + 1 + int(after[0]) if len(after) else len(m)
    step = float(observed.window_s)
    return Spike(
        start * step,
        peak * step,
        end * step,
        float(observed.values[peak]),
        float(usual[peak]),
        bool(len(before) and len(after)),
    )
