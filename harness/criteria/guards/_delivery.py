"""How much of the planned spike was really sent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from harness.analysis import phases
from harness.criteria.guards import _skew as skew
from harness.recording import UNSENT, UNSERVED, USER_EXCEPTION, Phase, Recording, Slice

_NOT_SENT = (UNSERVED, UNSENT, USER_EXCEPTION)
"""Outcomes of an iteration that was started and sent no request."""
STARTS_PER_S = "starts/s"
"""Level unit of the open model, in which the level is a rate of starts and not a number of users."""


@dataclass(frozen=True)
class Delivery:
    """One part of the spike: a gate, or the arrivals of an open model."""

    what: str
    planned: float
    """Requests that should have been sent; for random arrivals the expected number."""
    delivered: int
    ratio: float
    """Delivered ÷ planned, at most 1."""


def deliveries(recording: Recording, phase: Phase) -> tuple[Delivery, ...]:
    """Every part of the spike that a plan exists for; empty for a closed model without gates.

    Where there are gates, they are the spike: the arrivals beside them are the canary stream. A closed
    model plans users and lets the target set the pace, so it has no number of requests to compare with.
    """
    gates = tuple(
        Delivery(f"gate {found.gate.gate}", found.planned, found.sent, min(1.0, found.delivered_ratio))
        for found in skew.releases(recording)
    )
    if gates or recording.header.level_unit != STARTS_PER_S:
        return gates
    return (_arrivals(recording, phase),)


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


def _arrivals(recording: Recording, phase: Phase) -> Delivery:
    """Arrivals of an open model: what was due and found a user, and whether as much was due as planned.

    Random arrivals scatter around their plan (Poisson: by √planned), so falling short of it counts only
    beyond three times that. What was due and found no free user, or a user that sent nothing, counts in full.
    """
    started = phases.slices_of(recording, phase)
    due = sum(map(_starts, started))
    served = due - sum(_starts(piece) for piece in started if piece.outcome in _NOT_SENT)
    planned = planned_starts(recording.header.level, phase.start_s, phase.end_s)
    served_ratio = served / due if due > 0 else 0.0
    due_ratio = (due + 3 * math.sqrt(planned)) / planned if planned > 0 else 1.0
    return Delivery("arrivals", planned, served, min(1.0, served_ratio, due_ratio))


def _starts(piece: Slice) -> int:
    """Iterations that the pacer started: an iteration may have any number of requests after its first."""
    return piece.count if piece.starts is None else piece.starts
