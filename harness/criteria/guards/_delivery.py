"""How much of the planned spike was really sent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.analysis import phases
from harness.criteria.guards import _skew as skew
from harness.recording import Recording, Slice
from harness.recording.header import STARTS_PER_S, Phase
from harness.recording.marks import ARRIVALS, gate_stream
from harness.recording.values import INTERRUPTED, UNSENT, UNSERVED, USER_EXCEPTION

_NOT_SENT = (UNSERVED, UNSENT, INTERRUPTED, USER_EXCEPTION)
"""Outcomes of an iteration that was due and sent no request, or was cut off on our side."""
NOBODY = "load processes without users"
"""In the place of a class of users, where the arrivals of a load process had none at all."""
NEVER_BY_CHANCE = 20.0
"""Starts planned in a stretch in which none was due. Random arrivals do so in one of 5 · 10⁸ (e^20) such stretches."""


@dataclass(frozen=True)
class Delivery:
    """One part of the spike: a gate, the arrivals of an open model, or the users of one class in either."""

    what: str
    planned: float
    """Requests that should have been sent; for random arrivals the expected number."""
    delivered: int
    ratio: float
    """Delivered ÷ planned, at most 1."""
    user_class: str = ""
    """Where it is of one class alone."""


def deliveries(recording: Recording, phase: Phase) -> tuple[Delivery, ...]:
    """Every part of the spike that a plan exists for; empty for a closed model without gates.

    Where there are gates, they are the spike, and the arrivals beside them are the canary stream, which shows what it
    does to others: it is a part as well. A closed model plans users and lets the target set the pace, so it has no
    number of requests to compare with.
    """
    phase = seen(recording, phase)
    releases = skew.releases(recording)
    gates = tuple(
        Delivery(f"gate {found.gate.gate}", found.planned, found.sent, min(1.0, found.delivered_ratio))
        for found in releases
    )
    streams = [gate_stream(found.gate.gate) for found in releases]
    parts = gates
    if recording.header.level_unit == STARTS_PER_S:
        beside = _arrivals(recording, phase)
        if beside.planned > 0 or not gates:
            parts, streams = (*gates, beside), [*streams, ARRIVALS]
    return (*parts, *_by_class(recording, phase, streams))


def seen(recording: Recording, phase: Phase) -> Phase:
    """As much of it as there was when the run was cut off, in whole seconds: what was not due yet is not missing, and
    what has failed by then has failed.
    """
    end_s = min(phase.end_s, skew.due_until_s(recording))
    return phase if end_s == phase.end_s else replace(phase, end_s=max(phase.start_s, int(end_s)))


def of_levels(recording: Recording) -> Iterator[Delivery]:
    """What each class of users that has a level of its own did of it, phase by phase: what was due and did not begin,
    or sent nothing, counts in full; what was not due as far as it cannot be chance.
    """
    header = recording.header
    if header.level_unit != STARTS_PER_S:
        return
    at_a_gate = {int(gate.t // 1) for gate in header.gates}
    for phase in (seen(recording, each) for each in header.phases):
        due, sent = Counter[str](), Counter[str]()
        for mark in recording.starts:
            if mark.stream == ARRIVALS and phase.start_s <= mark.t < phase.end_s:
                due.update(mark.due)
                sent.update(mark.starts)
        for piece in phases.slices_of(recording, phase):
            # In the second of a gate nobody can tell whether its users sent nothing or those who arrived.
            if piece.outcome in _NOT_SENT and piece.outcome != UNSERVED and piece.t not in at_a_gate:
                sent[phases.class_of(recording, piece)] -= _starts(piece)
        for each in header.classes:
            user_class, planned = each.user_class, planned_starts(each.level, phase.start_s, phase.end_s)
            if planned >= 1:
                scatter = 1.0 if header.even_arrivals else max(1.0, _scatter(planned))
                ratio = min(_share(sent[user_class], due[user_class]), (due[user_class] + scatter) / planned)
                yield Delivery(
                    f"{user_class} in the {phase.name}", planned, sent[user_class], min(1.0, ratio), user_class
                )


def _share(sent: int, due: int) -> float:
    """Of what was due; of any of which something was sent at all, one start more or less is whole numbers."""
    return 1.0 if due == 0 else min(1.0, (sent + 1 if sent > 0 else 0) / due)


def _scatter(planned: float) -> float:
    """By so much may random arrivals (Poisson: √planned) fall short of their plan by chance."""
    return 3 * math.sqrt(planned)


def planned_starts(level: tuple[tuple[float, float], ...], start_s: float, end_s: float) -> float:
    """Integral of the level, a polyline of (t, starts/s), from ``start_s`` to ``end_s``: the starts expected.

    Two points at one instant are a step. Outside of its points the level is 0.
    """
    area = 0.0
    for (t0, y0), (t1, y1) in pairwise(level):
        begin, finish = max(t0, start_s), min(t1, end_s)
        if finish > begin:
            slope = (y1 - y0) / (t1 - t0)
            area += (finish - begin) * (y0 + slope * ((begin + finish) / 2 - t0))
    return area


@dataclass(frozen=True)
class Silence:
    """Seconds on end in which a load process had no arrival at all, although some were planned for it."""

    node: str
    from_s: int
    to_s: int
    planned: float


def silences(recording: Recording, start_s: float, end_s: float) -> Iterator[Silence]:
    """The longest of each load process, where it is no chance. Its part of the plan is its share of all arrivals
    between these instants. A recording that does not tell what was due has none, and neither has a closed model.
    """
    due: dict[str, Counter[int]] = {}
    seconds = range(math.ceil(start_s), math.floor(end_s))
    for mark in recording.starts:
        if mark.stream == ARRIVALS and int(mark.t) in seconds:
            due.setdefault(mark.node, Counter())[int(mark.t)] += sum(mark.due.values())
    total = sum(each.total() for each in due.values())
    if not total or recording.header.level_unit != STARTS_PER_S:
        return
    planned = [planned_starts(recording.header.level, t, t + 1) for t in seconds]
    for node in sorted(due):
        share = due[node].total() / total
        longest, since = Silence(node, 0, 0, 0.0), seconds.start
        for t in [*(t for t in seconds if due[node][t]), seconds.stop]:
            missing = share * sum(planned[since - seconds.start : t - seconds.start])
            longest = max(longest, Silence(node, since, t, missing), key=lambda one: one.planned)
            since = t + 1
        if longest.planned >= NEVER_BY_CHANCE:
            yield longest


def _arrivals(recording: Recording, phase: Phase) -> Delivery:
    """Arrivals of an open model: what was due and found a user, and whether as much was due as planned.

    Random arrivals scatter around their plan (Poisson: by √planned), so falling short of it counts only
    beyond three times that. What was due and found no free user, or a user that sent nothing or was stopped,
    counts in full. Starts by a gate are no arrivals; in its second nobody can tell which of the two it was that sent
    nothing, so that these are left to the gate's own part.
    """
    started = phases.slices_of(recording, phase)
    released: Counter[int] = Counter()
    for found in skew.releases(recording):
        if phase.start_s <= found.gate.t < phase.end_s:
            released[int(found.gate.t // 1)] += found.sent
    of_gates = [p for p in started if p.t in released and p.outcome in _NOT_SENT and p.outcome != UNSERVED]
    due = sum(map(_starts, started)) - sum(map(_starts, of_gates)) - released.total()
    lost = sum(_starts(p) for p in started if p.outcome in _NOT_SENT) - sum(map(_starts, of_gates))
    served = max(0, due - lost)
    planned = planned_starts(recording.header.level, phase.start_s, phase.end_s)
    # Of a run that was cut off in the first second of the phase nothing was due yet, so nothing is missing.
    served_ratio = served / due if due > 0 else float(phase.end_s <= phase.start_s)
    due_ratio = (due + _scatter(planned)) / planned if planned > 0 else 1.0
    return Delivery(ARRIVALS, planned, served, min(1.0, served_ratio, due_ratio))


def _by_class(recording: Recording, phase: Phase, streams: Sequence[str]) -> Iterator[Delivery]:
    """The users of each class, where a stream has several: a class that is a small share may be missing altogether."""
    for stream in dict.fromkeys(streams):
        due, began = Counter[str](), Counter[str]()
        for mark in recording.starts:
            if mark.stream == stream and (stream != ARRIVALS or phase.start_s <= mark.t < phase.end_s):
                due.update(mark.due)
                began.update(mark.starts)
        for user_class in sorted(due) if len(due) > 1 else ():
            yield Delivery(
                f"{stream} of {user_class or NOBODY}",
                due[user_class],
                began[user_class],
                _share(began[user_class], due[user_class]),
                user_class,
            )


def _starts(piece: Slice) -> int:
    """Iterations that the pacer started: an iteration may have any number of requests after its first."""
    return piece.count if piece.starts is None else piece.starts
