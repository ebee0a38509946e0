"""Simulated traffic: a daily and a weekly pattern, noise that hangs together, and flash crowds of known sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.learn.level import DAY_S, Observed, Values

WINDOW_S = 600
PER_DAY = DAY_S // WINDOW_S
LEVEL_PER_S = 100.0
Sizes = Callable[[np.random.Generator, int], Values]
"""M of so many spikes."""


@dataclass(frozen=True)
class Traffic:
    """What is simulated, in the units of a day."""

    spikes_per_day: float
    sizes: Sizes
    noise: float = 0.05
    """Standard deviation of the logarithm of the level, an AR(1) process with 0.9 from window to window."""
    weekend: float = 1.0
    """Level on two days of the week ÷ that of the others."""
    growth_per_week: float = 0.0
    echoes: float = 0.0
    """Spikes that follow each within the next three days, on average."""
    restless: float = 0.0
    """Standard deviation of the logarithm of the spikes per day, new each week."""

    def observed(self, days: int, seed: int) -> Observed:
        random = np.random.default_rng(seed)
        at_days = np.arange(days * PER_DAY) / PER_DAY
        level = LEVEL_PER_S * (1 + 0.6 * np.sin(2 * np.pi * (at_days - 0.3)))
        level *= np.where((at_days.astype(int) + 3) % 7 >= 5, self.weekend, 1.0)
        level *= (1 + self.growth_per_week) ** (at_days / 7)
        level *= np.exp(self.noise * _hanging_together(random, len(level)))
        level *= self._factor(random, days)
        counts = random.poisson(level * WINDOW_S)
        return Observed(0, WINDOW_S, counts / WINDOW_S, "requests/s", float(counts.sum()))

    def _factor(self, random: np.random.Generator, days: int) -> Values:
        weeks = -(-days // 7)
        rates = self.spikes_per_day * np.exp(self.restless * random.standard_normal(weeks) - self.restless**2 / 2)
        starts: list[float] = []
        for week, rate in enumerate(rates):
            starts += (7 * (week + random.uniform(size=random.poisson(7 * rate)))).tolist()
        for start in tuple(starts):
            starts += (start + 3 * random.uniform(size=random.poisson(self.echoes))).tolist()
        factor = np.ones(days * PER_DAY)
        for start, m in zip(starts, self.sizes(random, len(starts)), strict=True):
            up, plateau, down = random.integers(1, 4), random.integers(1, 4), random.integers(1, 7)
            curve = np.concatenate([np.arange(1, up + 1) / up, np.ones(plateau), 1 - np.arange(1, down + 1) / down])
            low = int(start * PER_DAY)
            high = min(len(factor), low + len(curve))
            factor[low:high] = np.maximum(factor[low:high], 1 + (m - 1) * curve[: max(0, high - low)])
        return factor


def exponential(random: np.random.Generator, count: int) -> Values:
    return np.asarray(1.6 + random.exponential(1.5, count))


def heavy(random: np.random.Generator, count: int) -> Values:
    """Pareto with the exponent 3: the fourth moment is infinite."""
    return np.asarray(1.6 * (1 + random.pareto(3, count)))


def log_normal(random: np.random.Generator, count: int) -> Values:
    return np.asarray(1.6 * np.exp(np.abs(random.normal(0, 0.6, count))))


def typical(random: np.random.Generator, count: int) -> Values:
    """Most are about 2.2, and smaller ones are as rare as larger ones."""
    return np.asarray(np.maximum(1.6, 1 + 1.2 * np.exp(random.normal(0, 0.5, count))))


def bounded(random: np.random.Generator, count: int) -> Values:
    """As where something in front of the service lets no more through."""
    return np.asarray(random.uniform(1.6, 6, count))


def few_large(random: np.random.Generator, count: int) -> Values:
    """One in ten is of another kind."""
    return np.where(
        random.uniform(size=count) < 0.1, 4 + random.exponential(4, count), 1.6 + random.exponential(0.4, count)
    )


def none(_: np.random.Generator, count: int) -> Values:
    return np.ones(count)


def _hanging_together(random: np.random.Generator, count: int) -> Values:
    """AR(1) of standard deviation 1."""
    from scipy.signal import lfilter

    return np.asarray(lfilter([np.sqrt(1 - 0.9**2)], [1, -0.9], random.standard_normal(count + 100))[100:])
