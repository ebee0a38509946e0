"""A service with several request names, of 20 ms each (log-normal, σ 0.4), of which one stays slower from the spike on,
for ever: 80 ms, within the floor of 0.1 s. It is a small share of all requests, which together are as before. Nothing
is wanted of a name that comes twenty times in the run. Beside it names that nothing happens to, also such as differ
by nature, and such as are slower and quicker by turns (an AR(1) process of the logarithm from second to second).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import Finding, Outcome
from harness.recording import Recording
from tests.calibration.figures import Figure, Share
from tests.calibration.simulation import Service
from tests.recordings import healthy, sliced

TITLE = "A name that stays slower"
SHORT = 6
SPIKE_END_S, END_S = 31, 91
SLOWER = 4.0


@dataclass(frozen=True)
class Case:
    per_s: float
    share: float = 0.0
    """Of the name that stays slower; 0: none does."""
    names: int = 5
    """The others."""
    apart: float = 0.0
    """Standard deviation of the logarithm of the names' latencies."""
    correlation: float = 0.0
    deviation: float = 0.0
    goal: tuple[float, float] | None = (0.9, 1.0)

    def __str__(self) -> str:
        if self.share:
            return f"{self.share:.0%} of {self.per_s:g} requests/s, {self.names} other names"
        kind = f"{self.names} names, {self.per_s:g} requests/s"
        kind += ", 5 to 200 ms by nature" if self.apart else ""
        return kind + (f", correlated (r {self.correlation:g}, σ {self.deviation:g})" if self.correlation else "")


CASES = (
    *(Case(rate, share) for rate in (10, 20, 50) for share in (0.3, 0.2, 0.1)),
    Case(20, 0.05),
    Case(50, 0.05),
    Case(50, 0.02, 20),
    Case(10, 0.02, goal=None),
    *(Case(rate, names=names) for rate, names in ((10, 1), (10, 5), (20, 20), (100, 50))),
    Case(20, names=20, apart=1.0),
    Case(20, names=5, correlation=0.5, deviation=0.3, goal=None),
    Case(100, names=20, correlation=0.5, deviation=0.3, goal=None),
    Case(20, names=5, correlation=0.9, deviation=0.3, goal=None),
)


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    for case in CASES:
        found = list(each(partial(outcome, case), seeds))
        if case.share:
            yield Share(str(case), "not passed", sum(one != Outcome.PASS for one in found), len(found), case.goal)
        else:
            yield Share(str(case), "PASS", sum(one == Outcome.PASS for one in found), len(found), case.goal)
        fails = sum(one == Outcome.FAIL for one in found)
        yield Share(str(case), "false FAIL", fails, len(found), (0.0, 0.02))


def outcome(case: Case, seed: int) -> Outcome:
    found: Finding = RecoveryTime().judge(run(case, np.random.default_rng(seed)))
    return found.outcome


def run(case: Case, random: np.random.Generator) -> Recording:
    intended_s = np.sort(random.uniform(0, END_S, random.poisson(case.per_s * END_S)))
    is_slower = random.random(len(intended_s)) < case.share
    of = np.where(is_slower, case.names, random.integers(case.names, size=len(intended_s)))
    service = Service(0.02, correlation=case.correlation, deviation=case.deviation)
    latency_s = service.times_s(random, len(intended_s)) * service.factors(random, END_S)[intended_s.astype(int)]
    latency_s *= np.exp(case.apart * random.standard_normal(case.names + 1))[of]
    latency_s[is_slower & (intended_s >= SPIKE_END_S - 1)] *= SLOWER
    kinds = [("n", f"GET /{number}", "ok") for number in range(case.names + 1)]
    return dataclasses.replace(healthy(), slices=sliced(intended_s, of, latency_s, kinds))
