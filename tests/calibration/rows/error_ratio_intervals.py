"""An error ratio's interval, 5 % failing in the long run: in every second with another probability, whose logit is an
AR(1) process with standard deviation 1, or in outages of a mean length in which half of the requests fail. Beside it
seconds with a long tail, few of which have most of the failures: 1 % of a Pareto variable of exponent 1.5, or 0.2 % of
a log-normal one with σ 2. The truth is the mean of the process. An interval of which the finding says that it is *of
these requests only* claims nothing about others: it says so where seconds hang together for so long, or differ by so
little in so short a phase, that nobody can know of others.

Last, 1 % failing, and half of the requests in outages of 5 s on average that come every 300 s: many a phase has none.
No phase shows what comes more seldom than it is long; the finding may say how often a thing has to come to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
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
BASE = 0.01
"""Fails between outages that come seldom."""
PARETO, LOG_NORMAL = "Pareto", "log-normal"
SHORT_TAIL = "a phase that has met fewer of the worst seconds than usual shows a smaller variance, too"
SHORT_SELDOM = "a phase with two or three outages, whose number says little of how many there are in others"
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
    every_s: float = 0.0
    """Mean time between two outages; 0: they are as frequent as the truth asks for, and nothing else fails."""
    tail: str = ""
    """Of the distribution of the probability."""

    @property
    def truth(self) -> float:
        if self.every_s:
            return BASE + (0.5 - BASE) * self.outage_s / (self.outage_s + self.every_s)
        if self.tail == PARETO:
            return 2 * 0.01 * (1 - (1 + 1 / 0.01) ** -0.5)
        if self.tail:
            normal, bound = NormalDist(), math.log(1 / 0.002) / 2
            return 0.002 * math.exp(2) * normal.cdf(bound - 2) + normal.cdf(-bound)
        return TRUTH

    def __str__(self) -> str:
        drift = f"correlation {self.correlation:g}" if self.correlation else "seconds differ"
        kind = drift if self.deviation else "independent requests"
        if self.outage_s:
            kind = f"outages of {self.outage_s:g} s" + f" every {self.every_s:g} s" * bool(self.every_s)
        if self.tail:
            kind = f"seconds differ, {self.tail}"
        return f"{kind}, {self.per_s:g} requests/s, {self.lasting_s} s"

    def probabilities(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Of failing, by second; shape (lasting_s,)."""
        if self.outage_s:
            share = self.outage_s / (self.outage_s + self.every_s) if self.every_s else 2 * TRUTH
            ends = 1 / self.outage_s
            begins = ends * share / (1 - share)
            away = random.random() < share
            found = []
            for luck in random.random(self.lasting_s):
                found.append(0.5 if away else BASE if self.every_s else 0.0)
                away = luck >= ends if away else luck < begins
            return np.array(found)
        if self.tail == PARETO:
            return np.asarray(np.minimum(1.0, 0.01 * random.pareto(1.5, self.lasting_s)))
        state = random.standard_normal(self.lasting_s)
        if self.tail:
            return np.asarray(np.minimum(1.0, 0.002 * np.exp(2 * state)))
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
    *(Case(s, tail=tail) for tail in (PARETO, LOG_NORMAL) for s in (60, 120, 300)),
    *(Case(s, outage_s=5, every_s=300) for s in (60, 120, 300)),
)


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    for case in CASES:
        found = list(each(partial(one, case), seeds))
        covering, only, honest, told = (sum(each[place] for each in found) for place in range(4))
        is_short = case.lasting_s < ENOUGH_SECONDS
        yield Share(str(case), "interval covers the truth", covering, len(seeds))
        if case.every_s:
            short = SHORT_SELDOM * (case.lasting_s > 120)
            yield Share(str(case), "covers it, or says what is not seen", told, len(seeds), (0.9, 1), short)
        else:
            short = SHORT_TAIL * (bool(case.tail) and case.lasting_s > 60)
            yield Share(str(case), "covers it, or is of these requests only", honest, len(seeds), (0.9, 1), short)
        yield Share(str(case), "says that it is of these requests only", only, len(seeds), (1, 1) if is_short else None)


def one(case: Case, seed: int) -> tuple[bool, bool, bool, bool]:
    """Whether the interval covers the truth, whether the finding says that it is of these requests only, either; and
    whether it covers, or the finding says in any way what the requests do not show.
    """
    random = np.random.default_rng(seed)
    requests = np.maximum(1, random.poisson(case.per_s, case.lasting_s))
    failed = random.binomial(requests, case.probabilities(random))
    seconds = [Tally(int(n), int(n - bad), {}, 0, {}) for n, bad in zip(requests, failed, strict=True)]
    found = error_ratio(seconds)
    covers, only = found.low <= case.truth <= found.high, found.only.startswith("of these requests only")
    return covers, only, covers or only, covers or bool(found.only)
