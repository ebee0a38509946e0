"""How big the largest spike of the next days may be: peaks over a threshold.

The excesses of the spikes over the threshold follow a generalised Pareto distribution, fitted by probability-weighted
moments (Hosking & Wallis 1987); spikes come by a Poisson process. What is told is a *predictive* interval, for the
largest of the days to come, and not the confidence interval of a return level, which is for its mean and held the
outcome far less often. A quantile with fitted parameters in it is too low for few peaks, so its level is calibrated by
a parametric bootstrap (Beran 1990; Fonseca, Giummolè & Vidoni 2014): where, among histories and futures simulated with
the fitted parameters, lies the future within what is fitted to the history? docs/calibration.md says how well it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.learn.level import Values

LEAST_DAYS = 28
LEAST_PEAKS = 25
"""With less it is INCONCLUSIVE."""
AHEAD = 1 / 3
"""The longest time ahead, as a part of the time that is known."""
CONFIDENCE = 0.9
BOOTSTRAPS = 2000
SHORTEST_TAIL = -1.0
"""The shape ξ is taken for no less: there the distribution is uniform, with an end."""
HORIZONS_DAYS = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365)


@dataclass(frozen=True)
class Pareto:
    """Generalised Pareto distribution of an excess: scale σ and shape ξ, whose tail ends where ξ < 0."""

    scale: Values
    shape: Values

    def quantile(self, p: Values) -> Values:
        shape = _not_zero(self.shape)
        return np.asarray(self.scale * (np.power(1 - p, -shape) - 1) / shape)

    def beyond(self, excess: Values) -> Values:
        """P(excess is larger)."""
        shape = _not_zero(self.shape)
        inside = 1 + shape * excess / self.scale
        return np.where(inside > 0, np.power(np.maximum(inside, 1e-300), -1 / shape), 0.0)


def fit(excesses: Values) -> Pareto:
    """One for each row, by probability-weighted moments with the plotting positions (j − 0.35)/n."""
    ordered = np.sort(excesses, axis=-1)
    count = ordered.shape[-1]
    positions = (np.arange(1, count + 1) - 0.35) / count
    a0 = ordered.mean(axis=-1)
    a1 = (ordered * (1 - positions)).mean(axis=-1)
    shape = np.maximum(2 - a0 / np.maximum(a0 - 2 * a1, 1e-12 * a0 + 1e-300), SHORTEST_TAIL)
    # The mean is kept, also where the shape was bounded.
    return Pareto(np.where(shape < 1, a0 * (1 - np.minimum(shape, 0.999)), a0 * 1e-3), np.minimum(shape, 0.999))


@dataclass(frozen=True)
class Horizon:
    """The largest spike of so many days ahead, as M: 5 %, 50 % and 95 % of what is predicted. 1 is no spike at all."""

    days: int
    low_m: float
    middle_m: float
    high_m: float


@dataclass(frozen=True)
class Expected:
    threshold: float
    peaks: int
    known_days: float
    horizons: tuple[Horizon, ...]
    inconclusive: str = ""
    """Why nothing is told; then there are no horizons."""

    def within(self, days: int) -> Horizon | None:
        """The next one that is as long at least; None where it would be too long."""
        return next((each for each in self.horizons if each.days >= days), None)


def expected(peaks_m: Sequence[float], threshold: float, known_days: float, seed: int = 1) -> Expected:
    """Of the spikes found in ``known_days``, each a peak above ``threshold``, as M."""
    count = len(peaks_m)
    needs = ((known_days, LEAST_DAYS, "days are known"), (count, LEAST_PEAKS, "peaks were found"))
    lacking = [f"{known:.3g} {what}, and {least} are needed" for known, least, what in needs if known < least]
    if lacking:
        return Expected(threshold, count, known_days, (), "; ".join(lacking))
    excesses = np.asarray(peaks_m, dtype=np.float64) - threshold
    if float(np.ptp(excesses)) <= 1e-9:
        return Expected(threshold, count, known_days, (), "all spikes are of one size: no tail can be fitted to them")
    model = _Model(excesses, known_days, np.random.default_rng(seed))
    days = [each for each in HORIZONS_DAYS if each <= AHEAD * known_days]
    return Expected(threshold, count, known_days, tuple(model.horizon(each, threshold) for each in days))


class _Model:
    """The fit, and the fits to histories that are simulated with it."""

    def __init__(self, excesses: Values, known_days: float, random: np.random.Generator) -> None:
        count = len(excesses)
        self.fitted = fit(excesses)
        self.per_day = count / known_days
        self.random = random
        self.refitted = fit(self.fitted.quantile(random.uniform(size=(BOOTSTRAPS, count))))
        self.recounted = np.maximum(random.poisson(count, BOOTSTRAPS), 1) / known_days

    def horizon(self, days: int, threshold: float) -> Horizon:
        random = self.random
        futures = random.poisson(self.per_day * days, BOOTSTRAPS)
        largest = self.fitted.quantile(np.power(random.uniform(size=BOOTSTRAPS), 1 / np.maximum(futures, 1)))
        # Where each future lies in what is fitted to its history: P(no spike in it is larger).
        recounted = self.recounted * days
        places = np.where(
            futures > 0,
            np.exp(-recounted * self.refitted.beyond(largest)),
            np.exp(-recounted) * random.uniform(size=BOOTSTRAPS),
        )
        tail = (1 - CONFIDENCE) / 2
        levels = np.clip(np.quantile(places, [tail, 0.5, 1 - tail]), 1e-12, 1 - 1e-9)
        inside = 1 + np.log(levels) / (self.per_day * days)
        m = np.where(inside > 0, threshold + self.fitted.quantile(np.clip(inside, 0.0, 1.0)), 1.0)
        return Horizon(days, *(float(each) for each in m))


def _not_zero(shape: Values) -> Values:
    """ξ = 0 is the exponential distribution, and the limit of its neighbours."""
    return np.where(np.abs(shape) < 1e-6, 1e-6, shape)
