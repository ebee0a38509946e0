"""The common time axis: how far it goes, its phases, and the instants that are marked on it."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable
from dataclasses import dataclass

from harness.recording import EventMark, GateMark, NodeMark, Phase, Recording
from reports import _quantity

CLOSE_S = 0.05
"""Marks nearer than this share one line."""
MOST = 26
"""Marks with a letter; a run with more has its list in the recording."""
_QUIET = frozenset({"joined", "finished"})


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
    def is_empty(self) -> bool:
        return self.end_s <= self.start_s


def timeline(recording: Recording, recovered_s: float | None) -> Timeline:
    """The axis of a recording; ``recovered_s`` is the instant of recovery, None when there is none."""
    ends = [float(piece.t + 1) for piece in recording.slices]
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
        found.append((recovered_s, "recovered", "recovered", True))
    merged: list[tuple[float, str, list[str], bool]] = []
    for t, short, text, is_recovery in sorted(found, key=lambda each: each[0]):
        if merged and abs(t - merged[-1][0]) <= CLOSE_S and not (is_recovery or merged[-1][3]):
            merged[-1][2].append(text)
        else:
            merged.append((t, short, [text], is_recovery))
    made = [
        Instant(t, letter, short, "; ".join(dict.fromkeys(texts)), is_recovery)
        for letter, (t, short, texts, is_recovery) in zip(string.ascii_uppercase, merged, strict=False)
    ]
    return tuple(made), max(0, len(merged) - MOST)


def _gates(recording: Recording) -> Iterable[tuple[float, str, str, bool]]:
    grouped: dict[tuple[str, float], list[GateMark]] = {}
    for mark in recording.gates:
        grouped.setdefault((mark.gate, mark.t), []).append(mark)
    for (gate, t), marks in grouped.items():
        sent, planned = sum(len(mark.sent_us) for mark in marks), sum(mark.planned for mark in marks)
        text = f"gate {gate} released: {_quantity.count(sent)} of {_quantity.count(planned)} sent"
        yield t, "gate", text, False


def _happenings(recording: Recording) -> Iterable[tuple[float, str, str, bool]]:
    for mark in recording.marks:
        match mark:
            case NodeMark(event=event) if event not in _QUIET:
                text = f"load process {mark.node} {event}"
                yield mark.t, f"node {event}", f"{text}: {mark.detail}" if mark.detail else text, False
            case EventMark():
                yield mark.t, mark.what, f"{mark.what}: {mark.detail}" if mark.detail else mark.what, False
