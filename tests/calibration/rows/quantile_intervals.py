"""A quantile's interval when requests of one second, and of neighbouring seconds, are alike: a phase of a service whose
latency has a factor of its own in every second, an AR(1) process of the logarithm with standard deviation 0.3, or that
queues. The truth is known in closed form. An interval of which the finding says that it is *of these requests only*
claims nothing about others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.analysis.distributions import normal_quantile
from harness.analysis.effective_size import ENOUGH_SECONDS
from harness.criteria.requests.latency_quantile import LatencyQuantile
from tests.calibration.figures import Figure, Share
from tests.calibration.simulation import Load, Service, simulate

TITLE = "Intervals of a latency quantile"
SHORT = 5
QUANTILE = 0.95


@dataclass(frozen=True)
class Case:
    words: str
    service: Service
    per_s: float
    lasting_s: int
    known_short: str = ""

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
)


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    for case in CASES:
        found = list(each(partial(one, case, truth_s(case)), seeds))
        is_short = case.lasting_s < ENOUGH_SECONDS
        goal = None if is_short else (0.9, 1.0)
        covering, only = (sum(each[place] for each in found) for place in (0, 1))
        yield Share(str(case), "interval covers the truth", covering, len(seeds), goal, case.known_short)
        yield Share(str(case), "says that it is of these requests only", only, len(seeds), (1, 1) if is_short else None)


def one(case: Case, truth: float, seed: int) -> tuple[bool, bool]:
    """Whether the interval covers the truth, and whether the finding says that it is of these requests only."""
    load = Load(case.per_s, baseline_s=1, spike_s=1, recovery_s=case.lasting_s)
    found = LatencyQuantile(phase="recovery", limit_s=truth).judge(simulate(seed, case.service, load).recording)
    assert found.interval is not None
    low, high = found.interval
    return low <= truth * 1.001 and high >= truth, "of these requests only" in found.reason


def truth_s(case: Case) -> float:
    """Of M/M/1 the time in the system is exponential with the rate μ − λ; what does not queue is lognormal."""
    service = case.service
    if service.servers:
        return -math.log(1 - QUANTILE) / (1 / service.mean_s - case.per_s)
    variance = service.shape**2 + service.deviation**2
    return service.mean_s * math.exp(normal_quantile(QUANTILE) * math.sqrt(variance) - variance / 2)
