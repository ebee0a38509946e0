"""Where a criterion stops to hold: what runs at several levels say of it together, and how sure that is.

A run at one level holds or breaks, and the next run at the same level may do otherwise: a service is not the same every
time, and a run is a sample of it. So the threshold of a run is taken to vary by a factor around the limit of the
service, log-normally with deviation σ. The limit is where half of the runs would hold. σ is not known, so all values of
both are weighed by how well they explain every run so far (a probit, by the Ψ method of Kontsevich & Tyler, *Vision
Research* 39, 1999), with a small chance that a run went wrong for reasons of its own. What is left of a flat prior over
the logarithm of the limit gives the interval, and its median is the level at which the next run tells most
(probabilistic bisection: Waeber, Frazier & Henderson 2013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.distributions import normal_probability
from harness.analysis.lazy import FloatArray, np

SPREADS = (0.005, 0.12)
"""Deviation of the threshold from run to run, as a share of it: from what no run can show to what no
search of a dozen runs can. All between are alike probable, so that few runs do not pass for steady ones.
"""
MISHAP = 0.005
"""Chance that a run ends otherwise for reasons of its own, which no guard has seen."""
POINTS, SPREAD_POINTS = 800, 12
CHANGE_POINTS = 300
CHANGED, PERHAPS_CHANGED = 4.0, 2.0
"""Logarithm of how much better two limits, one after the other, have to explain the runs than a single one: that there
is none, and that what is wanted is not yet shown to be kept, or not to be.
"""
BEYOND = 2.0
"""The limit may lie so many times below the lowest level that broke, or above the highest that held."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """How probable each limit is; arrays over the logarithm of it."""

    log_limit: FloatArray
    probability: FloatArray

    def quantile(self, share: float) -> float:
        """The level below which the limit lies with this probability."""
        return math.exp(float(np.interp(share, np.cumsum(self.probability), self.log_limit)))


def posterior(runs: Sequence[tuple[float, bool]]) -> Posterior:
    """Of the limit, from the level of each run and whether it held; at least one did, and one did not."""
    levels = [math.log(level) for level, _ in runs]
    held = max(level for level, (_, holds) in zip(levels, runs, strict=True) if holds)
    broke = min(level for level, (_, holds) in zip(levels, runs, strict=True) if not holds)
    beyond = math.log(BEYOND)
    log_limit = np.linspace(min(held, broke) - beyond, max(held, broke) + beyond, POINTS)
    log_likelihood = _log_likelihoods(runs, log_limit).sum(axis=0)
    weight = np.exp(log_likelihood - log_likelihood.max()).sum(axis=0)
    return Posterior(log_limit, weight / weight.sum())


def change(runs: Sequence[tuple[float, bool]], least: float = CHANGED) -> int | None:
    """How many runs were made before the limit became another one, where two explain them better by ``least``; else
    None. A likelihood ratio over all ways to part the runs, in their order.
    """
    if len(runs) < 2:
        return None
    levels, beyond = [math.log(level) for level, _ in runs], math.log(BEYOND)
    log_limit = np.linspace(min(levels) - beyond, max(levels) + beyond, CHANGE_POINTS)
    each = _log_likelihoods(runs, log_limit)
    until = np.cumsum(each, axis=0)
    whole = until[-1]
    parted = (until[:-1].max(axis=2) + (whole - until[:-1]).max(axis=2)).max(axis=1)
    return int(parted.argmax()) + 1 if parted.max() - whole.max() >= least else None


def _log_likelihoods(runs: Sequence[tuple[float, bool]], log_limit: FloatArray) -> FloatArray:
    """Of each run, for each spread and each limit."""
    spread = np.linspace(*SPREADS, SPREAD_POINTS)[:, None]
    found = []
    for level, holds in runs:
        chance = normal_probability((log_limit - math.log(level)) * (1 if holds else -1) / spread)
        found.append(np.log(MISHAP / 2 + (1 - MISHAP) * chance))
    return np.array(found)
