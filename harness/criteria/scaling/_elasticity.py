"""Elasticity: how closely the number of ready replicas follows the demand.

Demand is d(t) = ⌈λ(t) ÷ capacity of one replica⌉ with λ the planned starts per second of the open model (the guard
``spike_delivered`` says whether they were sent). Supply is s(t), the replicas that are ready, as a probe saw them. The
definitions of the figures are in :mod:`harness.criteria.scaling._step_function`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from harness.analysis import generator, quality
from harness.analysis.time_series import level_at
from harness.criteria.scaling import _step_function as step_function
from harness.criteria.scaling._step_function import Sampled, Steps
from harness.recording import Phase, ProbeSample, Recording

SOURCES = (
    ("haproxy", "servers_up", "", "--haproxy-socket"),
    ("kubernetes", "ready", "desired", "--kubernetes"),
    ("http_json", "ready", "desired", "--autoscaler"),
)
"""Probe, its figure for ready replicas, for the number wanted ("" where it knows none), and the option that names it.
Whoever spreads the requests is asked first: a replica that gets none is not ready, whatever its controller thinks.
"""
CAPACITY_OPTION = "capacity_per_replica"
"""Option of a shape: starts per second that one replica takes; recorded in the header."""
LARGEST_GAP_S = 5.0
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
    kept_per_s: float | None
    """Highest load of one replica in this run with which the SLO was kept."""
    broken_per_s: float | None
    """Lowest load above that with which it was not."""


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


def measure(recording: Recording, baseline: str, capacity_per_s: float = 0.0) -> Elasticity | str:
    """All that the criteria need, or in words why it cannot be measured, with the remedy.

    ``capacity_per_s`` of 0: as the run's option says, and where that is 0 too, as far as the run shows it.
    """
    before = recording.phase(baseline)
    if before is None:
        there = ", ".join(phase.name for phase in recording.header.phases) or "none"
        return f"the run has no phase {baseline!r}; its phases are {there}"
    if recording.header.level_unit != "starts/s":
        return "users are no demand: a target that slows down slows them, too. Use --pacing arrivals (the open model)"
    seen = _replicas(recording)
    if isinstance(seen, str):
        return seen
    source, ready, wanted = seen
    end_s = min(float(recording.header.phases[-1].end_s), generator.last_trace_s(recording))
    start_s = float(before.start_s)
    if end_s <= before.end_s:
        return f"the run ended before the load rose, in the {baseline}"
    supply = step_function.sampled(ready, start_s, end_s)
    if supply.longest_gap_s > LARGEST_GAP_S:
        return (
            f"the ready replicas of {source} were not known for {supply.longest_gap_s:.0f} s of the run: " + _remedy()
        )
    capacity = _capacity(recording, before, supply, capacity_per_s)
    if isinstance(capacity, str):
        return capacity
    level = recording.header.level
    least = step_function.demand(level, min(capacity.high_per_s, 1e12), start_s, end_s)
    return Elasticity(
        source,
        capacity,
        step_function.demand(level, capacity.low_per_s, start_s, end_s),
        least,
        supply,
        step_function.sampled(wanted, start_s, end_s) if wanted else None,
        round(supply.middle.at(before.end_s)),
    )


def rises(measured: Elasticity, needed: Steps) -> tuple[Rise, ...]:
    """Every rise of a demand, with the time until it was met."""
    found = []
    for t, before, after in needed.changes():
        if after <= before:
            continue
        until_s = next((at for at, _, then in needed.changes() if at > t and then < after), needed.end_s)
        earliest = measured.ready.high.first(after, t)
        latest = measured.ready.low.first(after, t)
        middle = measured.ready.middle.first(after, t)
        wanted = measured.wanted.middle.first(after, t) if measured.wanted else None
        early_s = until_s - t if earliest is None else min(earliest, until_s) - t
        late_s = math.inf if latest is None or latest > until_s else latest - t
        lag_s = None if middle is None or middle > until_s else middle - t
        decided_s = None if wanted is None or wanted > until_s else wanted - t
        found.append(Rise(t, round(after), lag_s, (early_s, late_s), decided_s))
    return tuple(found)


def _replicas(recording: Recording) -> tuple[str, list[tuple[float, float]], list[tuple[float, float]]] | str:
    """Source, ready replicas and wanted replicas; the latter empty where no probe knows them."""
    usable = [
        (probe, source, ready, wanted)
        for probe, ready, wanted, _ in SOURCES
        for source in dict.fromkeys(sample.source for sample in recording.probes if sample.probe == probe)
        if _figures(recording, probe, source, ready) and (not wanted or _figures(recording, probe, source, wanted))
    ]
    if not usable:
        return _unseen(recording)
    probe, source, ready, _ = usable[0]
    rivals = [other for kind, other, _, _ in usable if kind == probe and other != source]
    if rivals:
        return f"ready replicas of {source} and of {', '.join(rivals)} were sampled: name one, e.g. --haproxy-backend"
    wants = next(((kind, name, wanted) for kind, name, _, wanted in usable if wanted), None)
    return f"{probe} {source}", _figures(recording, probe, source, ready), _figures(recording, *wants) if wants else []


def _figures(recording: Recording, probe: str, source: str, key: str) -> list[tuple[float, float]]:
    return sorted(
        (sample.t, sample.values[key])
        for sample in recording.probes
        if (sample.probe, sample.source) == (probe, source) and key in sample.values
    )


def _unseen(recording: Recording) -> str:
    def failed(sample: ProbeSample) -> bool:
        return sample.error is not None and any(sample.probe == probe for probe, *_ in SOURCES)

    errors = {(one.probe, one.source): f"{one.source}: {one.error}" for one in recording.probes if failed(one)}
    why = f" ({'; '.join(errors.values())})" if errors else ""
    return f"no ready replicas were sampled{why}: {_remedy()}"


def _remedy() -> str:
    return f"say where replicas can be counted with {', '.join(option for *_, option in SOURCES[:-1])} or --autoscaler"


def _capacity(recording: Recording, baseline: Phase, ready: Sampled, given_per_s: float) -> Capacity | str:
    option = recording.header.parameters.get(CAPACITY_OPTION, 0)
    given_per_s = given_per_s or (float(option) if isinstance(option, int | float) else 0.0)
    slo = quality.service_level(recording, baseline, SLO_FLOOR_S)
    loads = list(_loads(recording, ready, slo)) if slo is not None else []
    kept = max((load for load, good in loads if good), default=None)
    broken = min((load for load, good in loads if not good and load > (kept or 0.0)), default=None)
    if given_per_s:
        return Capacity(given_per_s, given_per_s, True, kept, broken)
    if kept is None:
        return "nothing shows what one replica takes within its SLO: give --capacity-per-replica in starts per second"
    return Capacity(kept, math.inf if broken is None else broken, False, kept, broken)


def _loads(recording: Recording, ready: Sampled, slo: quality.ServiceLevel) -> Iterator[tuple[float, bool]]:
    """(starts per second of one replica, whether the SLO was kept) of each stretch with a steady level and steady
    replicas. What is still broken from an overload before it lies below what was kept, and is left out by that.
    """

    def state(t: int) -> tuple[float, float] | None:
        levels = {level_at(recording.header.level, t + part) for part in (0.0, 0.5, 0.999)}
        low, high = ready.low.at(t), ready.high.at(t + 0.5)
        return (levels.pop(), low) if len(levels) == 1 and low == high > 0 else None

    seconds = range(math.ceil(ready.low.start_s), math.floor(ready.low.end_s))
    for steady, group in groupby(seconds, state):
        inside = list(group)[SETTLED_S:]
        if steady is None or len(inside) < FEWEST_WINDOWS or not steady[0]:
            continue
        windows = quality.windows(recording, inside[0], inside[-1] + 1, 1, slo)
        intended, good = int(windows.intended.sum()), int(windows.good.sum())
        if intended >= quality.MINIMUM_REQUESTS * len(inside):
            yield steady[0] / steady[1], good >= KEPT_QUALITY * intended
