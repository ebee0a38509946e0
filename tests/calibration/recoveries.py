"""``recovery_time`` on simulated services, many seeds of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import Outcome
from tests.calibration.figures import Figure, Mean, Share
from tests.calibration.simulation import Disturbance, Load, Service, simulate

Each = Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Case:
    """A simulated service, and what is known of it."""

    name: str
    service: Service = field(default_factory=Service)
    load: Load = field(default_factory=Load)
    disturbance: Disturbance = field(default_factory=Disturbance)
    truth_s: float | None = None
    """From the end of the spike to the recovery; infinite for never, None where it is computed from the requests."""
    limit_s: float | None = 30.0
    """None: just below the truth, so that every PASS is a false one."""


@dataclass(frozen=True)
class Judged:
    outcome: Outcome
    figure_s: float | None
    interval_s: tuple[float, float] | None
    truth_s: float
    state: str

    @property
    def covers(self) -> bool:
        """Whether the truth lies in the interval; an unbounded one is right in saying nothing."""
        if self.interval_s is None:
            return True
        low_s, high_s = self.interval_s
        return low_s <= self.truth_s <= high_s


def judge(numbered: tuple[int, Case]) -> Judged:
    seed, case = numbered
    simulated = simulate(seed, case.service, case.load, case.disturbance)
    truth_s = simulated.recovered_s() if case.truth_s is None else case.truth_s
    limit_s = max(0.0, truth_s - 1e-6) if case.limit_s is None else case.limit_s
    found = RecoveryTime(limit_s=limit_s).judge(simulated.recording)
    return Judged(found.outcome, found.figure, found.interval, truth_s, str(found.evidence.get("state")))


def runs_of(case: Case, seeds: range, each: Each) -> list[Judged]:
    return list(each(judge, [(seed, case) for seed in seeds]))


def outcomes(
    case: Case, found: list[Judged], *goals: tuple[str, set[Outcome], tuple[float, float] | None]
) -> Iterator[Figure]:
    """The share of runs with one of these outcomes, for each goal (what, outcomes, wanted)."""
    for what, wanted, goal in goals:
        yield Share(case.name, what, sum(one.outcome in wanted for one in found), len(found), goal)


def interval(case: Case, found: list[Judged], goal: tuple[float, float] = (0.93, 1.0)) -> Iterator[Figure]:
    """Coverage of the interval, and the bias of the figure."""
    yield Share(case.name, "interval covers the truth", sum(one.covers for one in found), len(found), goal)
    errors = [one.figure_s - one.truth_s for one in found if one.figure_s is not None and math.isfinite(one.truth_s)]
    if errors:
        yield Mean(case.name, "bias of the figure", sum(errors) / len(errors), "s")
