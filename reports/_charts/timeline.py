"""The common time axis: how far it goes, its phases, and the instants that are marked on it."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.answers import answers
from harness.analysis.restarts import restarts
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.marks import FINISHED, JOINED, RAISED, AlertMark, FaultMark, GateMark, NodeMark
from reports import _quantity

CLOSE_S = 0.05
"""Marks nearer than this share one line."""
MOST = 26
"""Marks with a letter; a run with more has its list in the recording."""
SPIKE = "spike"
LEAST_AROUND_S, AROUND = 4.0, 0.5
"""Before the spike; three times as much after it, where the recovery is."""
MOST_OF_RUN = 0.8
_QUIET = frozenset({JOINED, FINISHED})


@dataclass(frozen=True)
class _Found:
    """Something worth a line, before letters are given; of those with a lower rank there is always room."""

    t: float
    short: str
    text: str
    rank: int


RECOVERY, GATE, FAULT, NODE, EVENT = range(5)


@dataclass(frozen=True)
class Instant:
    """A vertical line: its letter, its short label in the charts, and what it stands for in the key."""

    t: float
    letter: str
    short: str
    text: str
    is_recovery: bool = False


@dataclass(frozen=True)
class Timeline:
    start_s: float
    end_s: float
    phases: tuple[Phase, ...]
    instants: tuple[Instant, ...]
    left_out: int = 0
    """Marks that had no letter left."""

    @property
    def spike_s(self) -> tuple[float, float] | None:
        """The stretch of the spike, with as much around it as shows where it came from and how it went on; None where
        it takes so much of the run already, or there is none.
        """
        spike = next((phase for phase in self.phases if phase.name == SPIKE), None)
        if spike is None:
            return None
        around_s = max(LEAST_AROUND_S, spike.duration_s * AROUND)
        start, end = max(self.start_s, spike.start_s - around_s), min(self.end_s, spike.end_s + 3 * around_s)
        return (start, end) if end - start < MOST_OF_RUN * (self.end_s - self.start_s) else None

    @property
    def is_empty(self) -> bool:
        return self.end_s <= self.start_s


def timeline(recording: Recording, recovered_s: float | None) -> Timeline:
    """The axis of a recording; ``recovered_s`` is the instant of recovery, None when there is none."""
    ends = [float(piece.t + 1) for piece in recording.slices]
    ends += [float(came[-1] + 1) for came in [answers(recording).t] if len(came)]  # also those that came afterwards
    times = [float(piece.t) for piece in recording.slices] + [sample.t for sample in recording.probes]
    phases = tuple(phase for phase in recording.header.phases if phase.duration_s > 0)
    spans = [*times, *ends, *(edge for phase in phases for edge in (phase.start_s, phase.end_s))]
    finite = [value for value in spans if math.isfinite(value)]
    start, end = (math.floor(min(finite)), math.ceil(max(finite))) if finite else (0, 0)
    instants, left_out = _instants(recording, recovered_s)
    return Timeline(start, end, phases, instants, left_out)


def _instants(recording: Recording, recovered_s: float | None) -> tuple[tuple[Instant, ...], int]:
    found = [*_gates(recording), *_happenings(recording)]
    if recovered_s is not None:
        found.append(_Found(recovered_s, "recovered", "recovered", RECOVERY))
    groups: list[list[_Found]] = []
    for each in sorted(found, key=lambda each: (each.t, each.rank)):
        if groups and each.t - groups[-1][0].t <= CLOSE_S and RECOVERY not in {each.rank, groups[-1][0].rank}:
            groups[-1].append(each)
        else:
            groups.append([each])
    kept = sorted(groups, key=lambda group: min(each.rank for each in group))[:MOST]
    kept.sort(key=lambda group: group[0].t)
    made = tuple(_instant(letter, group) for letter, group in zip(string.ascii_uppercase, kept, strict=False))
    return made, len(groups) - len(kept)


def _instant(letter: str, group: list[_Found]) -> Instant:
    """One line for what happened together, named after the most important of it."""
    leader = min(group, key=lambda each: each.rank)
    text = "; ".join(dict.fromkeys(each.text for each in group))
    return Instant(group[0].t, letter, leader.short, text, leader.rank == RECOVERY)


def _gates(recording: Recording) -> Iterable[_Found]:
    grouped: dict[tuple[str, float], list[GateMark]] = {}
    for mark in recording.gates:
        grouped.setdefault((mark.gate, mark.t), []).append(mark)
    for (gate, t), marks in grouped.items():
        sent, planned = sum(len(mark.sent_us) for mark in marks), sum(mark.planned for mark in marks)
        text = f"gate {gate} released: {_quantity.count(sent)} of {_quantity.count(planned)} sent"
        yield _Found(t, "gate", text, GATE)


def _happenings(recording: Recording) -> Iterable[_Found]:
    for mark in recording.marks:
        match mark:
            case FaultMark():
                text = f"fault {mark.fault} {mark.event}"
                text = f"{text}: {mark.detail}" if mark.detail else text
                yield _Found(mark.t, f"{mark.fault} {mark.event}", text, FAULT)
            case NodeMark(event=event) if event not in _QUIET:
                text = f"load process {mark.node} {event}"
                text = f"{text}: {mark.detail}" if mark.detail else text
                yield _Found(mark.t, f"load process {event}", text, NODE)
            case AlertMark(event=event) if event == RAISED:
                yield _Found(mark.t, "alert", f"alert {mark.alert}: {mark.detail}", EVENT)
    for each in restarts(recording):
        short = "restart" if each.is_certain else "restart?"
        yield _Found(each.t, short, f"{'' if each.is_certain else 'possible '}restart of {each}", NODE)
