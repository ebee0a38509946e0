"""`find-limit` by p95 of the latency: from 20/s on, in steps of 20 s beside 10 requests/s, to an interval of 20 %, in
14 steps at most. The truth is the level at which half of such steps keep the limit, from 200 simulated steps. Where the
service differs from step to step, its rate varies log-normally, and the truth is that of the median service. Beside it
stands the rate at which the stationary p95 is the limit, from queueing theory (for one exponential server μ − ln 20 ÷
limit, for several with Erlang's C): a step of 20 s begins without a queue, and ends before a long one has built up, so
a limit near saturation is found higher than in an hour. A search that ends before its interval is narrow enough is
INCONCLUSIVE, and counts as it is; one whose steps contradict each other so much that the service seems to have become
another one has no interval, and counts as that alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from harness.criteria.requests.latency_quantile import LatencyQuantile
from harness.findings import Finding
from harness.limit.result import Limit, Searched
from harness.limit.search import Bounds, End, Tried, next_level
from harness.limit.step import Said, Step
from tests.calibration.figures import Figure, Mean, Share
from tests.calibration.simulation import Load, Service, done_s, simulate

TITLE = "The limit of a service"
SHORT = 5
BASE_PER_S, HOLD_S, MOST_STEPS, STEPS = 10.0, 20, 14, 200
BOUNDS = Bounds(lowest=BASE_PER_S, start=20.0, highest=1000.0, resolution=0.2)
QUANTILE = 0.95


@dataclass(frozen=True)
class Case:
    name: str
    service: Service
    limit_s: float
    stationary_per_s: float
    varies: float = 0.0
    """Standard deviation of the logarithm of the service's rate, from step to step."""


def cases() -> Iterator[Case]:
    one = Service(0.01, "exponential", servers=1)
    four = Service(0.04, "exponential", servers=4)
    yield Case("one exponential server of 100/s, limit 300 ms", one, 0.3, 100 - math.log(20) / 0.3)
    yield Case("the same, limit 1 s", one, 1.0, 100 - math.log(20) / 1.0)
    yield Case("four exponential servers, 100/s in all, limit 300 ms", four, 0.3, erlang_limit_per_s(4, 25.0, 0.3))
    yield Case("one that differs by 5 % from step to step, limit 1 s", one, 1.0, 100 - math.log(20) / 1.0, 0.05)
    yield Case("one that differs by 10 % from step to step, limit 1 s", one, 1.0, 100 - math.log(20) / 1.0, 0.1)


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    for case in cases():
        every = list(each(partial(searched, case), seeds))
        found = [each_found for each_found in every if each_found is not None]
        truth_per_s = half_hold_per_s(case)
        truths = (truth_per_s, case.stationary_per_s)
        covers, stationary = (sum(low <= truth <= high for _, (low, high), _, _ in found) for truth in truths)
        yield Share(
            case.name,
            f"interval covers the limit, {truth_per_s:.0f}/s",
            covers,
            len(found),
            (0.93, 1.0),
            known_short(case),
        )
        bias = sum(math.log(figure / truth_per_s) for figure, _, _, _ in found) / len(found)
        yield Mean(case.name, "bias of the limit", 100 * bias, "%", (-5.0, 5.0))
        yield Share(case.name, f"covers the stationary one, {case.stationary_per_s:.0f}/s", stationary, len(found))
        yield Share(case.name, "narrow enough in 14 steps", sum(done for _, _, done, _ in found), len(found))
        others = len(every) - len(found)
        goal = None if case.varies else (0.0, 0.05)
        yield Share(case.name, "INCONCLUSIVE, as it became another service", others, len(every), goal)
        yield Mean(case.name, "steps", sum(steps for _, _, _, steps in found) / len(found), "steps")


def known_short(case: Case) -> str:
    """Why the interval is too narrow too often, where it is."""
    return "a dozen steps are too few to show how much they differ" if case.varies >= 0.1 else ""


def searched(case: Case, seed: int) -> tuple[float, tuple[float, float], bool, int] | None:
    """Figure, interval, whether it was narrow enough, and steps of one search; None where its steps contradict."""
    random = np.random.default_rng(seed)
    said: list[Said] = []
    while len(said) < MOST_STEPS:
        following = next_level(Tried(said), BOUNDS)
        if isinstance(following, End):
            break
        service = replace(case.service, mean_s=case.service.mean_s * math.exp(case.varies * random.standard_normal()))
        finding = step(int(random.integers(1 << 30)), service, case.limit_s, following)
        said.append(Step(following, "", (finding,)).about(finding.criterion))
    how = Searched("latency_quantile", "latency_quantile", QUANTILE, "--peak", "starts/s", HOLD_S)
    ended = next_level(Tried(said), BOUNDS)
    limit = Limit(how, Tried(said), BOUNDS, ended if isinstance(ended, End) else None, "")
    if limit.change:
        return None
    assert limit.figure is not None and limit.interval is not None
    return limit.figure, limit.interval, limit.ended is End.FOUND, len(said)


def step(seed: int, service: Service, limit_s: float, level: float) -> Finding:
    load = Load(BASE_PER_S, baseline_s=10, spike_s=HOLD_S, recovery_s=10, spike_per_s=level - BASE_PER_S)
    found: Finding = replace(
        LatencyQuantile(limit_s=limit_s, quantile=QUANTILE).judge(simulate(seed, service, load).recording),
        kind="latency_quantile",
    )
    return found


def half_hold_per_s(case: Case) -> float:
    """The level at which half of the steps keep the limit, by bisection with the same random numbers at all levels."""
    random = np.random.default_rng(0)
    most = round(3 * HOLD_S * case.service.servers / case.service.mean_s)
    gaps, work_s = random.standard_exponential((STEPS, most)), case.service.times_s(random, STEPS * most)
    low, high = 0.5 * case.stationary_per_s, 1.5 * case.stationary_per_s
    for _ in range(9):
        middle = (low + high) / 2
        kept = 0
        for gap, work in zip(gaps, work_s.reshape(STEPS, most), strict=True):
            at_s = np.cumsum(gap) / middle
            at_s = at_s[at_s < HOLD_S]
            latency_s = done_s(at_s, work[: len(at_s)], case.service.servers) - at_s
            kept += bool(np.quantile(latency_s, QUANTILE) <= case.limit_s) if len(at_s) else 1
        low, high = (middle, high) if 2 * kept > STEPS else (low, middle)
    return low


def erlang_limit_per_s(servers: int, rate_per_s: float, limit_s: float) -> float:
    """Arrivals per second at which p95 of the time in an M/M/c system is the limit, by bisection. An arrival waits with
    the probability C of Erlang's formula, and then for an exponential time of the rate cμ − λ.
    """
    low, high = 1e-6, servers * rate_per_s * (1 - 1e-9)
    for _ in range(60):
        middle = (low + high) / 2
        longer = _longer(servers, rate_per_s, middle, limit_s)
        low, high = (middle, high) if longer < 1 - QUANTILE else (low, middle)
    return low


def _longer(servers: int, rate: float, arrivals: float, t: float) -> float:
    """P(time in the system > t)."""
    load = arrivals / rate
    below = sum(load**k / math.factorial(k) for k in range(servers))
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    waits = last / (below + last)
    spare = servers * rate - arrivals
    if abs(spare - rate) < 1e-9:
        return (1 + waits * rate * t) * math.exp(-rate * t)
    late = waits * rate / (rate - spare) * (math.exp(-spare * t) - math.exp(-rate * t))
    return math.exp(-rate * t) + late
