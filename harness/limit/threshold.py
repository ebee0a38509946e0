"""Where a criterion stops to hold: what runs at several levels say of it together, and how sure that is.

A run at one level holds, breaks, or is too close to the limit to tell, and the next run at the same level may end
otherwise: a service is not the same every time. So the threshold of a run is taken to vary by a factor around the
limit of the service, log-normally with deviation σ, and a run to be unable to tell where it comes within δ of its own
threshold. The limit is where half of the runs would hold. Neither σ nor δ is known, so all values of the three are
weighed by how well they explain every run so far (the Ψ method of Kontsevich & Tyler, *Vision Research* 39, 1999, for
answers of three kinds), with a small chance that a run went wrong for reasons of its own. What is left of a flat prior
over the logarithm of the limit gives the interval, and its median is the level at which the next run tells most
(probabilistic bisection: Waeber, Frazier & Henderson 2013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from harness.analysis.distributions import normal_probability
from harness.analysis.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = LazyModule("numpy")

SPREADS = (0.005, 0.12)
"""Deviation of the threshold from run to run, as a share of it: from what no run can show to what no search can."""
ZONES = (0.002, 0.08)
"""How near to its threshold a run cannot tell."""
MISHAP = 0.005
"""Chance that a run ends otherwise for reasons of its own, which no guard has seen."""
POINTS, SPREAD_POINTS, ZONE_POINTS = 400, 6, 4
BEYOND = 2.0
"""The limit may lie so many times below the lowest level that broke, or above the highest that held."""


class Answer(Enum):
    """What one run says of the limit."""

    HOLDS = "holds"
    BREAKS = "breaks"
    UNCLEAR = "unclear"


@dataclass(frozen=True, eq=False)
class Posterior:
    """How probable each limit is; arrays over the logarithm of it."""

    log_limit: NDArray[np.float64]
    probability: NDArray[np.float64]

    def quantile(self, share: float) -> float:
        """The level below which the limit lies with this probability."""
        return math.exp(float(np.interp(share, np.cumsum(self.probability), self.log_limit)))


def posterior(runs: Sequence[tuple[float, Answer]]) -> Posterior:
    """Of the limit, from (level, answer) of each run, of which there must be one that holds and one that breaks."""
    levels = np.log([level for level, _ in runs])
    answers = [answer for _, answer in runs]
    held = max(level for level, answer in zip(levels, answers, strict=True) if answer is Answer.HOLDS)
    broke = min(level for level, answer in zip(levels, answers, strict=True) if answer is Answer.BREAKS)
    beyond = math.log(BEYOND)
    log_limit = np.linspace(min(held, broke) - beyond, max(held, broke) + beyond, POINTS)
    spread = np.geomspace(*SPREADS, SPREAD_POINTS)[:, None]
    zone = np.geomspace(*ZONES, ZONE_POINTS)[:, None, None]
    log_likelihood = np.zeros((ZONE_POINTS, SPREAD_POINTS, POINTS))
    for level, answer in zip(levels, answers, strict=True):
        above = log_limit[None, None, :] - level
        holds = normal_probability((above - zone) / spread)
        breaks = normal_probability((-above - zone) / spread)
        chance = {Answer.HOLDS: holds, Answer.BREAKS: breaks, Answer.UNCLEAR: np.clip(1 - holds - breaks, 0, 1)}
        log_likelihood += np.log(MISHAP / len(Answer) + (1 - MISHAP) * chance[answer])
    weight = np.exp(log_likelihood - log_likelihood.max()).sum(axis=(0, 1))
    return Posterior(log_limit, weight / weight.sum())
