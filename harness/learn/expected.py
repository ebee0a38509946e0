"""How big the largest spike of the next days may be: peaks over a threshold.

How large peaks are is told by :mod:`harness.learn.peak_sizes`. They come by a Poisson process, or, where the weeks
differ by more than that, in numbers of a negative binomial distribution whose variance is so many times the mean. What
is told is a *predictive* interval, for the largest of the days to come, and not the confidence interval of a return
level, which is for its mean and held the outcome far less often. A quantile with fitted parameters in it is too low for
few peaks, so its level is calibrated by a parametric bootstrap (Beran 1990; Fonseca, Giummolè & Vidoni 2014): where,
among histories and futures simulated with the fitted parameters, lies the future within what is fitted to the history?
docs/calibration.md says how well it holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.learn.level import Values
from harness.learn.peak_sizes import fit, sizes_of

LEAST_DAYS = 28
LEAST_PEAKS = 25
"""With less it is INCONCLUSIVE."""
AHEAD = 1 / 3
"""The longest time ahead, as a part of the time that is known."""
CONFIDENCE = 0.9
BOOTSTRAPS = 2000
POISSON = 1.01
"""A dispersion up to which numbers of peaks are taken to be those of a Poisson process."""
HORIZONS_DAYS = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365)


@dataclass(frozen=True)
class Horizon:
    """The largest spike of so many days ahead, as M: 5 %, 50 % and 95 % of what is predicted. 1 is no spike at all."""

    days: int
    low_m: float
    middle_m: float
    high_m: float

    def wider(self, noise: float) -> Horizon:
        """Below the least peak there is only no peak at all."""
        low_m = self.low_m * math.exp(-noise) if self.low_m > 1 else 1.0
        return Horizon(self.days, max(1.0, low_m), self.middle_m, self.high_m * math.exp(noise))

    def at_least(self, shorter: Horizon) -> Horizon:
        """The largest of more days is no smaller, whatever the chance of the bootstrap."""
        return Horizon(
            self.days,
            max(self.low_m, shorter.low_m),
            max(self.middle_m, shorter.middle_m),
            max(self.high_m, shorter.high_m),
        )


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


def expected(
    peaks_m: Sequence[float],
    threshold: float,
    known_days: float,
    at_days: Sequence[float] = (),
    noise: float = 0.0,
    seed: int = 1,
) -> Expected:
    """Of the peaks above ``threshold`` that were found in ``known_days``, each as M. ``at_days``: when each was, from
    the beginning on; without it they are taken to come independently. ``noise``: standard deviation of log M, by which
    the interval is made wider at both ends, because the usual level that M is measured by is known no better.
    """
    count = len(peaks_m)
    found = "peak was found" if count == 1 else "peaks were found"
    needs = ((known_days, LEAST_DAYS, "days are known"), (count, LEAST_PEAKS, found))
    lacking = [f"{known:.3g} {what}, and {least} are needed" for known, least, what in needs if known < least]
    if known_days < 1:
        lacking[0] = f"less than one day is known, and {LEAST_DAYS} are needed"
    if lacking:
        return Expected(threshold, count, known_days, (), "; ".join(lacking))
    # Over the least of them: a gap between the threshold of the noise and it would make the tail seem short.
    least, *others = sorted(peaks_m)
    excesses = np.asarray(others, dtype=np.float64) - least
    if float(np.ptp(excesses)) <= 1e-9:
        return Expected(threshold, count, known_days, (), "all spikes are of one size: no tail can be fitted to them")
    model = _Model(excesses, known_days, _dispersion(at_days), np.random.default_rng(seed))
    days = [each for each in HORIZONS_DAYS if each <= AHEAD * known_days]
    told: list[Horizon] = []
    for horizon in (model.horizon(each, least) for each in days):
        wide = horizon.wider(noise)
        told.append(wide.at_least(told[-1]) if told else wide)
    return Expected(threshold, count, known_days, tuple(told))


class _Model:
    """The fit, and the fits to histories that are simulated with it."""

    def __init__(self, excesses: Values, known_days: float, dispersion: float, random: np.random.Generator) -> None:
        count = len(excesses)
        self.fitted = sizes_of(np.sort(excesses), random)
        self.per_day = count / known_days
        self.random = random
        self.dispersion = dispersion
        drawn = (BOOTSTRAPS, round(self.fitted.share * count))
        self.refitted = replace(self.fitted, tail=fit(self.fitted.tail.quantile(random.uniform(size=drawn))))
        self.recounted = np.maximum(self._counts(float(count)), 1) / known_days

    def horizon(self, days: int, threshold: float) -> Horizon:
        random, mean = self.random, self.per_day * days
        futures = self._counts(mean)
        largest = self.fitted.quantile(np.power(random.uniform(size=BOOTSTRAPS), 1 / np.maximum(futures, 1)))
        # Where each future lies in what is fitted to its history: P(no spike in it is larger).
        recounted = self.recounted * days
        places = np.where(
            futures > 0,
            self._none_beyond(self.refitted.beyond(largest), recounted),
            self._none_beyond(np.ones(BOOTSTRAPS), recounted) * random.uniform(size=BOOTSTRAPS),
        )
        tail = (1 - CONFIDENCE) / 2
        levels = np.minimum(np.quantile(places, [tail, 0.5, 1 - tail]), 1 - 1e-9)
        inside = 1 - self._beyond_of(levels, mean)
        m = np.where(inside > 0, threshold + self.fitted.quantile(inside), 1.0)
        return Horizon(days, *(float(each) for each in m))

    def _counts(self, mean: float) -> Values:
        """How many peaks there are where so many are to be expected."""
        if self.dispersion <= POISSON:
            return self.random.poisson(mean, BOOTSTRAPS).astype(np.float64)
        sizes = self.random.gamma(mean / (self.dispersion - 1), self.dispersion - 1, BOOTSTRAPS)
        return self.random.poisson(sizes).astype(np.float64)

    def _none_beyond(self, beyond: Values, mean: Values) -> Values:
        """P(none of the peaks is beyond), where each is with the probability ``beyond``."""
        extra = self.dispersion - 1
        if self.dispersion <= POISSON:
            return np.asarray(np.exp(-mean * beyond))
        return np.asarray((1 + extra * beyond) ** (-mean / extra))

    def _beyond_of(self, probability: Values, mean: float) -> Values:
        """The inverse of it."""
        extra = self.dispersion - 1
        if self.dispersion <= POISSON:
            return np.asarray(-np.log(probability) / mean)
        return np.asarray((probability ** (-extra / mean) - 1) / extra)


def _dispersion(at_days: Sequence[float]) -> float:
    """Variance ÷ mean of the peaks in a week, 1 at least."""
    if not at_days:
        return 1.0
    weeks = np.bincount((np.asarray(at_days) // 7).astype(int))[:-1]  # the last one is not whole
    return max(1.0, float(weeks.var(ddof=1) / weeks.mean())) if len(weeks) > 1 and weeks.mean() > 0 else 1.0
