"""A quantile's interval when requests of one second, and of neighbouring seconds, are alike: a phase of a service whose
latency has a factor of its own in every second, an AR(1) process of the logarithm with standard deviation 0.3, or that
queues; or one that is ten times as slow for six seconds of every hundred. The truth is known in closed form, or from
the two distributions. An interval of which the finding says that it is *of these requests only* claims nothing about
others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from harness.analysis.distributions import normal_above, normal_quantile
from harness.analysis.effective_size import ENOUGH_SECONDS
from harness.criteria.requests.latency_quantile import LatencyQuantile
from tests.calibration.figures import Figure, Share
from tests.calibration.simulation import Disturbance, Load, Service, simulate

TITLE = "Intervals of a latency quantile"
SHORT = 5
QUANTILE = 0.95
PERIOD_S, SLOW_S, TIMES = 100, 6, 10.0
"""Of a slow stretch that comes again and again, and how much slower it is."""


@dataclass(frozen=True)
class Case:
    words: str
    service: Service
    per_s: float
    lasting_s: int
    known_short: str = ""
    is_slow_by_turns: bool = False

    def __str__(self) -> str:
        return f"{self.words}, {self.per_s:g} requests/s, {self.lasting_s} s"


INDEPENDENT = Service()
UNLIKE = Service(deviation=0.3)
"""Seconds differ, and each is as it is for itself."""
CASES = (
    *(Case("independent requests", INDEPENDENT, 50, s) for s in (8, 30, 300)),
    *(Case("seconds differ", UNLIKE, 10, s) for s in (8, 16, 30, 60, 300)),
    *(Case("seconds differ", UNLIKE, 50, s) for s in (8, 16, 30, 300)),
    *(Case("correlation 0.5", Service(deviation=0.3, correlation=0.5), 50, s) for s in (8, 30, 60, 300)),
    *(Case("correlation 0.9", Service(deviation=0.3, correlation=0.9), 50, s) for s in (8, 30, 60, 120, 300)),
    Case("M/M/1 at ρ = 0.7", Service(distribution="exponential", mean_s=0.014, servers=1), 50, 60),
    Case(
        "M/M/1 at ρ = 0.9",
        Service(distribution="exponential", mean_s=0.018, servers=1),
        *(50, 300),
        "p95 is made by a few long queues; in one run of ten none came, and its seconds hang together less for that",
    ),
    *(Case("slow for 6 s of every 100", INDEPENDENT, 20, s, is_slow_by_turns=True) for s in (30, 60, 120, 300)),
)


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    for case in CASES:
        found = list(each(partial(one, case, truth_s(case)), seeds))
        is_short = case.lasting_s < ENOUGH_SECONDS
        goal = None if is_short else (0.9, 1.0)
        covering, only = (sum(each[place] for each in found) for place in (0, 1))
        if case.is_slow_by_turns:
            honest = sum(covers or is_only for covers, is_only in found)
            yield Share(str(case), "covers it, or is of these requests only", honest, len(seeds), goal)
            yield Share(str(case), "says that it is of these requests only", only, len(seeds), None)
            continue
        yield Share(str(case), "interval covers the truth", covering, len(seeds), goal, case.known_short)
        yield Share(str(case), "says that it is of these requests only", only, len(seeds), (1, 1) if is_short else None)


def one(case: Case, truth: float, seed: int) -> tuple[bool, bool]:
    """Whether the interval covers the truth, and whether the finding says that it is of these requests only."""
    load = Load(case.per_s, baseline_s=1, spike_s=1, recovery_s=case.lasting_s)
    made = simulate(seed, case.service, load, by_turns(seed, load.end_s) if case.is_slow_by_turns else None)
    found = LatencyQuantile(phase="recovery", limit_s=truth).judge(made.recording)
    assert found.interval is not None
    low, high = found.interval
    return low <= truth * 1.001 and high >= truth, "of these requests only" in found.reason


def by_turns(seed: int, end_s: int) -> Disturbance:
    """From anywhere in a period on."""
    first_s = float(np.random.default_rng(seed).uniform(-PERIOD_S, 0))
    begins = np.arange(first_s, end_s, PERIOD_S).tolist()
    return Disturbance(slower=[p for at in begins for p in _stretch(at)])


def _stretch(at_s: float) -> tuple[tuple[float, float], ...]:
    return (at_s, 1.0), (at_s, TIMES), (at_s + SLOW_S, TIMES), (at_s + SLOW_S, 1.0)


def truth_s(case: Case) -> float:
    """Of M/M/1 the time in the system is exponential with the rate μ − λ; what does not queue is lognormal; by turns
    it is either of two.
    """
    service = case.service
    if service.servers:
        return -math.log(1 - QUANTILE) / (1 / service.mean_s - case.per_s)
    variance = service.shape**2 + service.deviation**2
    if case.is_slow_by_turns:
        low, high = 0.0, 100 * service.mean_s
        for _ in range(60):
            middle = (low + high) / 2
            beyond = sum(
                share * float(normal_above((math.log(middle / times / service.mean_s) + variance / 2) / service.shape))
                for share, times in ((1 - SLOW_S / PERIOD_S, 1.0), (SLOW_S / PERIOD_S, TIMES))
            )
            low, high = (middle, high) if beyond > 1 - QUANTILE else (low, middle)
        return low
    return service.mean_s * math.exp(normal_quantile(QUANTILE) * math.sqrt(variance) - variance / 2)
