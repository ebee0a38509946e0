"""Elasticity: how closely the number of ready replicas follows the demand.

Demand is d(t) = ⌈λ(t) ÷ capacity of one replica⌉ with λ the planned starts per second of the open model (the guard
``spike_delivered`` says whether they were sent). Supply is s(t), the replicas that are ready, as a probe saw them
(:mod:`harness.criteria.scaling._replicas`). The definitions of the figures are in
:mod:`harness.criteria.scaling._step_function`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from harness.analysis import phases, quality
from harness.analysis.time_series import level_at
from harness.criteria._outcome import no_phase, with_remedy
from harness.criteria.scaling import _step_function as step_function
from harness.criteria.scaling._criterion import ElasticityCriterion
from harness.criteria.scaling._replicas import measure_supply
from harness.criteria.scaling._step_function import Sampled, Steps
from harness.recording import Recording
from harness.recording.header import STARTS_PER_S, Phase
from harness.recording.values import Scalar

SETTLED_S = 2
"""A replica that has just come may still be warming up: these seconds do not tell its capacity."""
FEWEST_WINDOWS = 3
KEPT_QUALITY = 0.95
SLO_FLOOR_S = 0.1


@dataclass(frozen=True)
class Capacity:
    """Starts per second that one replica takes: given, or bracketed by the run."""

    low_per_s: float
    high_per_s: float
    """Infinite when no replica was ever overloaded."""
    given: bool
    """Then the two are the same."""
    kept_per_s: float | None
    """Highest load of one replica in this run with which the SLO was kept."""
    broken_per_s: float | None
    """Lowest load above that with which it was not."""

    def __str__(self) -> str:
        if self.given:
            return f"one replica takes {self.low_per_s:g} starts/s"
        if math.isinf(self.high_per_s):
            return f"one replica takes {self.low_per_s:g} starts/s or more, as none was overloaded"
        return f"one replica takes {self.low_per_s:g} to {self.high_per_s:g} starts/s"


@dataclass(frozen=True)
class Rise:
    """The demand rose to ``replicas`` at ``t``."""

    t: float
    replicas: int
    lag_s: float | None
    """Until so many were ready; None: not before the demand fell again or the run ended."""
    interval_s: tuple[float, float]
    """Never ready: from the time that it was waited for to infinity."""
    wanted_after_s: float | None
    """Until the autoscaler wanted so many, half-way between two samples; None: it did not, or is not known."""
    lost_s: float | None
    """When there were not so many any more, though they were still needed; None: they stayed."""


@dataclass(frozen=True)
class Elasticity:
    """All step functions go from the beginning of the baseline to the end of the run."""

    source: str
    capacity: Capacity
    demand: Steps
    """With the capacity as given, else with the lower end of its bracket."""
    least_demand: Steps
    """With the upper end of the bracket."""
    ready: Sampled
    wanted: Sampled | None
    minimum: int
    """Ready replicas at the end of the baseline."""

    def describe(self) -> dict[str, Scalar]:
        """Evidence that every finding about elasticity shows."""
        capacity = self.capacity
        evidence: dict[str, Scalar] = {
            "ready replicas": f"as {self.source} has them",
            "highest demand (replicas)": max(value for _, value in self.demand.points),
            "most replicas ready": max(value for _, value in self.ready.middle.points),
        }
        if capacity.given:
            evidence["capacity of a replica, as given (starts/s)"] = capacity.low_per_s
        if capacity.kept_per_s is not None:
            evidence["one replica kept the SLO at (starts/s)"] = capacity.kept_per_s
        if capacity.broken_per_s is not None:
            evidence["and broke it at (starts/s)"] = capacity.broken_per_s
        return evidence


def measure(recording: Recording, criterion: ElasticityCriterion) -> Elasticity | str:
    """All that the criteria need, or in words why it cannot be measured, with the remedy."""
    before = recording.phase(criterion.baseline)
    if before is None:
        return no_phase(recording, criterion.baseline)
    if recording.header.level_unit != STARTS_PER_S:
        return "users are no demand: a target that slows down slows them, too. Use the open model (pacing: arrivals)"
    supply = measure_supply(recording, criterion)
    if isinstance(supply, str):
        return supply
    capacity = _capacity(phases.only(recording, ""), before, supply.ready, criterion)
    if isinstance(capacity, str):
        return capacity
    level, start_s, end_s = recording.header.level, float(before.start_s), supply.ready.middle.end_s
    return Elasticity(
        supply.source,
        capacity,
        step_function.demand(level, capacity.low_per_s, start_s, end_s),
        step_function.demand(level, min(capacity.high_per_s, 1e12), start_s, end_s),
        supply.ready,
        supply.wanted,
        round(supply.ready.middle.at(before.end_s)),
    )


def find_rises(measured: Elasticity, needed: Steps) -> tuple[Rise, ...]:
    """Every rise of a demand, with the time until it was met."""
    found = []
    for t, before, after in needed.changes():
        if after <= before:
            continue
        until_s = _lasts_until_s(needed, t, after)
        interval_s = waited(measured.ready, needed, t, after)
        middle = measured.ready.middle.first(after, t)
        wanted = measured.wanted.middle.first(after, t) if measured.wanted else None
        lag_s = None if middle is None or middle > until_s else middle - t
        decided_s = None if wanted is None or wanted > until_s else wanted - t
        lost_s = lost_again_s(measured.ready, needed, t, after)
        found.append(Rise(t, round(after), lag_s, interval_s, decided_s, lost_s))
    return tuple(found)


def waited(supply: Sampled, needed: Steps, t: float, replicas: float) -> tuple[float, float]:
    """Between which times after a rise at ``t`` there were so many; (how long it lasted, infinity) for never."""
    until_s = _lasts_until_s(needed, t, replicas)
    earliest, latest = supply.high.first(replicas, t), supply.low.first(replicas, t)
    early_s = until_s - t if earliest is None else min(earliest, until_s) - t
    return early_s, math.inf if latest is None or latest > until_s else latest - t


def lost_again_s(supply: Sampled, needed: Steps, t: float, replicas: float) -> float | None:
    """When, after a rise at ``t`` had been met, there were fewer again before the demand fell, as where a replica that
    has just become ready crashes.
    """
    met_s, until_s = supply.middle.first(replicas, t), _lasts_until_s(needed, t, replicas)
    if met_s is None:
        return None
    return next((at for at, value in supply.middle.points if met_s < at < until_s and value < replicas), None)


def _lasts_until_s(needed: Steps, t: float, replicas: float) -> float:
    return next((at for at, _, then in needed.changes() if at > t and then < replicas), needed.end_s)


def ask_for_capacity(measured: Elasticity, criterion: ElasticityCriterion) -> str:
    """The end of a reason which only the bracket of the capacity leaves open."""
    return with_remedy(f"{measured.capacity}, and to know that exactly would settle it", criterion.capacity_remedy)


def _capacity(recording: Recording, baseline: Phase, ready: Sampled, criterion: ElasticityCriterion) -> Capacity | str:
    """As it is given; else between what the run shows that one replica takes, and what it does not."""
    given_per_s = criterion.capacity_per_s
    slo = quality.service_level(recording, baseline, SLO_FLOOR_S)
    loads = list(_observed_loads(recording, ready, slo)) if slo is not None else []
    kept = max((load for load, good in loads if good), default=None)
    broken = min((load for load, good in loads if not good and load > (kept or 0.0)), default=None)
    if given_per_s:
        return Capacity(given_per_s, given_per_s, True, kept, broken)
    if kept is None:
        return with_remedy("nothing shows what one replica takes within its SLO", criterion.capacity_remedy)
    return Capacity(kept, math.inf if broken is None else broken, False, kept, broken)


def _observed_loads(recording: Recording, ready: Sampled, slo: quality.ServiceLevel) -> Iterator[tuple[float, bool]]:
    """(starts per second of one replica, whether the SLO was kept) of each stretch with a steady level and steady
    replicas. What is still broken from an overload before it lies below what was kept, and is left out by that.
    """

    def steady_state(t: int) -> tuple[float, float] | None:
        levels = {level_at(recording.header.level, t + part) for part in (0.0, 0.5, 0.999)}
        low, high = ready.low.at(t), ready.high.at(t + 0.5)
        return (levels.pop(), low) if len(levels) == 1 and low == high > 0 else None

    seconds = range(math.ceil(ready.low.start_s), math.floor(ready.low.end_s))
    for steady, group in groupby(seconds, steady_state):
        inside = list(group)[SETTLED_S:]
        if steady is None or len(inside) < FEWEST_WINDOWS or not steady[0]:
            continue
        windows = quality.windows(recording, inside[0], inside[-1] + 1, 1, slo)
        intended, good = int(windows.intended.sum()), int(windows.good.sum())
        if intended >= quality.MINIMUM_REQUESTS * len(inside):
            yield steady[0] / steady[1], good >= KEPT_QUALITY * intended
