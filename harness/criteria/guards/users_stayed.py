"""Guard: where users set the pace, the planned users were there: nobody sends in the place of one who has left."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

from harness.analysis import generator
from harness.analysis.time_series import level_at
from harness.criteria._criterion import Guard
from harness.criteria.guards._delivery import seen
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import STARTS_PER_S

Polyline: TypeAlias = tuple[tuple[float, float], ...]
SPAWNED_WITHIN_S = 10
"""Locust spawns once a second, and as fast as its machines can: so many seconds after a level has risen, its users have
to be there.
"""
KNOWN_SHARE = 0.9
"""Of the seconds of a phase, of so many it has to be known who was there."""


@dataclass(frozen=True)
class Presence:
    """Users of one phase, as means over its seconds."""

    phase: str
    planned: float
    there: float
    known_s: int
    """Seconds of it in which each load process has told; the means are over these."""
    due_s: int
    """Seconds of it in which users were planned."""

    @property
    def ratio(self) -> float:
        """1 where nothing is known."""
        return self.there / self.planned if self.known_s else 1.0

    def __str__(self) -> str:
        return f"{self.there:,.3g} of {self.planned:,.3g} planned users were there in the {self.phase}"


@dataclass(frozen=True)
class UsersStayed(Guard):
    """Guard: in each phase of a closed model there were as many users as planned, as a mean over its seconds. Of nine
    in ten of these each load process has to have told.

    A user who ends by itself (``StopUser``, an exception in ``on_start``) is missing from then on. That is mostly the
    target's doing, and makes it look well: those who were refused do not ask again. Less load proves nothing good of
    the rest, so everything is void, but for a FAIL. Where arrivals set the pace, others take the place of who has left.
    """

    title = "users stayed"
    may_guard_nothing = True
    unit = "ratio"

    lower_limit: float = parameter(0.99, "smallest share of the planned users of a phase that is there", highest=1)

    def judge(self, recording: Recording) -> Finding:
        if recording.header.level_unit == STARTS_PER_S:
            return self.finding(Outcome.PASS, "arrivals set the pace, not users")
        phases = list(users(recording))
        if not phases:
            return self.finding(Outcome.PASS, "no load process has told how many of its users were there")
        worst = min(phases, key=lambda each: each.ratio)
        if worst.ratio >= self.lower_limit:
            least = min(phases, key=lambda each: each.known_s / each.due_s)
            if least.known_s >= KNOWN_SHARE * least.due_s:
                return self.finding(Outcome.PASS, str(worst), worst.ratio)
            told = f"who was there is known of {least.known_s} of {least.due_s} s of the {least.phase}"
            return self.inconclusive(f"{told}: a load process has not told, see generator_health")
        remedy = (
            "those who end by themselves (StopUser) leave less load than planned: let them return from the task and go "
            "on, or let arrivals set the pace"
        )
        return self.finding(Outcome.INCONCLUSIVE, f"{worst}; {remedy}", worst.ratio)

    @classmethod
    def is_about_target(cls, finding: Finding) -> bool:
        """What no load process has told is our doing."""
        return finding.figure is not None

    def without_objection(self, recording: Recording) -> Recording:
        """What fails with less load fails."""
        return recording


def users(recording: Recording) -> Iterator[Presence]:
    """Of each phase of the closed model, as means over its seconds. Nothing where no load process has told."""
    if recording.header.level_unit == STARTS_PER_S or (there := _there(recording)) is None:
        return
    level = recording.header.level
    times = [at for at, _ in level]
    for phase in (seen(recording, each) for each in recording.header.phases):
        planned = {t: wanted for t in range(phase.start_s, phase.end_s) if (wanted := _planned(level, times, t))}
        known = {t: wanted for t, wanted in planned.items() if t in there}
        if planned:
            due = fmean((known or planned).values())
            came = fmean(min(there[t], wanted) for t, wanted in known.items()) if known else 0.0
            yield Presence(phase.name, due, came, len(known), len(planned))


def _planned(level: Polyline, times: Sequence[float], t: int) -> int:
    """So many have to be there all through that second."""
    start_s, end_s = t - SPAWNED_WITHIN_S, t + 1
    first, last = bisect_right(times, start_s), bisect_left(times, end_s)
    at_end = level[last][1] if last < len(level) and times[last] == end_s else level_at(level, end_s)  # before a step
    return math.floor(min(level_at(level, start_s), at_end, *(height for _, height in level[first:last])))


def _there(recording: Recording) -> dict[int, float] | None:
    """Second → users of all load processes, where each of them has told its own; None where none ever has."""
    of_node: dict[str, list[tuple[float, float]]] = {node: [] for node in generator.load_nodes(recording)}
    for sample in recording.probes:
        if sample.probe == generator.PROBE:
            told = of_node.setdefault(sample.source, [])
            told += [(sample.t, sample.values[generator.USERS])] if generator.USERS in sample.values else []
    nodes = [sorted(told) for told in of_node.values()]
    if not any(nodes):
        return None
    end_s = max(told[-1][0] for told in nodes if told)
    found: dict[int, float] = {}
    for t in range(math.floor(end_s + generator.LARGEST_GAP_S)):
        latest = [told[at - 1] for told in nodes if (at := bisect_right(told, (t + 1.0, math.inf)))]
        if len(latest) == len(nodes) and all(t + 1 - at_s <= generator.LARGEST_GAP_S for at_s, _ in latest):
            found[t] = sum(value for _, value in latest)
    return found
