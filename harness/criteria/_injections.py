"""When the planned faults of a run were there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.criteria._outcome import with_remedy
from harness.recording import Recording
from harness.recording.marks import INJECTED, UNDONE


@dataclass(frozen=True)
class Injection:
    """A fault, from the instant at which it was there."""

    fault: str
    at_s: float
    undone_s: float
    """Infinite where it never was."""


def injections(recording: Recording, fault: str = "*") -> tuple[Injection, ...]:
    """Those of faults with this name, ``*`` for anything, in the order of their instants."""
    found = []
    for mark in recording.faults:
        if mark.event != INJECTED or not fnmatchcase(mark.fault, fault):
            continue
        undone_s = (
            each.t
            for each in recording.faults
            if each.event == UNDONE and (each.fault, each.number) == (mark.fault, mark.number) and each.t >= mark.t
        )
        found.append(Injection(mark.fault, mark.t, min(undone_s, default=math.inf)))
    return tuple(sorted(found, key=lambda injection: injection.at_s))


def not_injected(fault: str, consequence: str, remedy: str = "") -> str:
    """The reason where there is none of them. ``consequence``: what therefore was not to be seen."""
    which = "no fault" if fault == "*" else f"no fault {fault}"
    return with_remedy(f"{which} was injected, so {consequence}", remedy)


def not_judged(faults: Sequence[Injection]) -> str:
    """Why what the first of them shows is not what all show; empty where none came when it was over."""
    later = sum(each.at_s >= faults[0].undone_s for each in faults[1:])
    return f"{later} of {len(faults)} faults came when it was over, and are not judged" if later else ""


def load_end_s(recording: Recording) -> float:
    """Until when there was load: the end of the last phase, or of a run that was cut short before."""
    planned_s = float(recording.header.planned_end_s)
    return planned_s if recording.end is None or recording.end.completed else min(planned_s, recording.end.t)
