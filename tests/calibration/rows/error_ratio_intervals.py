"""An error ratio's interval, 5 % failing in the long run: in every second with another probability, whose logit is an
AR(1) process with standard deviation 1, or in outages of a mean length in which half of the requests fail. The truth is
the mean of the process. An interval of which the finding says that it is *of these requests only* claims nothing about
others: it says so where seconds hang together for so long, or differ by so little in so short a phase, that nobody can
know of others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.effective_size import ENOUGH_SECONDS
from harness.analysis.intervals import error_ratio
from harness.analysis.tallies import Tally
from tests.calibration.figures import Figure, Share

TITLE = "Intervals of an error ratio"
SHORT = 40
TRUTH = 0.05
LOGIT_OF_THE_MEDIAN = {0.0: math.log(TRUTH / (1 - TRUTH)), 1.0: -3.37154}
"""By standard deviation of the logit: the mean of the probability is 5 %."""


@dataclass(frozen=True)
class Case:
    lasting_s: int
    per_s: float = 50
    deviation: float = 0.0
    correlation: float = 0.0
    outage_s: float = 0.0
    """Mean length of an outage; 0: the probability drifts."""

    def __str__(self) -> str:
        drift = f"correlation {self.correlation:g}" if self.correlation else "seconds differ"
        kind = drift if self.deviation else "independent requests"
        if self.outage_s:
            kind = f"outages of {self.outage_s:g} s"
        return f"{kind}, {self.per_s:g} requests/s, {self.lasting_s} s"

    def probabilities(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Of failing, by second; shape (lasting_s,)."""
        if self.outage_s:
            share = 2 * TRUTH
            ends = 1 / self.outage_s
            begins = ends * share / (1 - share)
            away = random.random() < share
            found = []
            for luck in random.random(self.lasting_s):
                found.append(0.5 * away)
                away = luck >= ends if away else luck < begins
            return np.array(found)
        state = random.standard_normal(self.lasting_s)
        for second in range(1, self.lasting_s):
            state[second] = self.correlation * state[second - 1] + math.sqrt(1 - self.correlation**2) * state[second]
        return np.asarray(1 / (1 + np.exp(-LOGIT_OF_THE_MEDIAN[self.deviation] - self.deviation * state)))


CASES = (
    *(Case(s) for s in (8, 30, 300)),
    *(Case(s, per_s=10) for s in (30, 300)),
    *(Case(s, deviation=1.0) for s in (8, 16, 30, 300)),
    *(Case(s, deviation=1.0, correlation=0.5) for s in (8, 30, 60, 300)),
    *(Case(s, deviation=1.0, correlation=0.9) for s in (8, 30, 60, 120, 300)),
    *(Case(s, outage_s=1) for s in (30, 60, 300)),
    *(Case(s, outage_s=5) for s in (60, 300)),
)


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    for case in CASES:
        found = list(each(partial(one, case), seeds))
        covering, only, honest = (sum(each[place] for each in found) for place in range(3))
        is_short = case.lasting_s < ENOUGH_SECONDS
        yield Share(str(case), "interval covers the truth", covering, len(seeds))
        yield Share(str(case), "covers it, or is of these requests only", honest, len(seeds), (0.9, 1))
        yield Share(str(case), "says that it is of these requests only", only, len(seeds), (1, 1) if is_short else None)


def one(case: Case, seed: int) -> tuple[bool, bool, bool]:
    """Whether the interval covers the truth, whether the finding says that it is of these requests only, either."""
    random = np.random.default_rng(seed)
    requests = np.maximum(1, random.poisson(case.per_s, case.lasting_s))
    failed = random.binomial(requests, case.probabilities(random))
    seconds = [Tally(int(n), int(n - bad), {}, 0, {}) for n, bad in zip(requests, failed, strict=True)]
    found = error_ratio(seconds)
    covers, only = found.low <= TRUTH <= found.high, bool(found.only)
    return covers, only, covers or only
