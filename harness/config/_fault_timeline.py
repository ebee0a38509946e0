"""From a planned fault to its place on the time axis of one run. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.faults import Fault, PlannedFault, described, name_of


@dataclass(frozen=True)
class TimedFault:
    """Seconds after the origin."""

    fault: Fault
    start_s: float
    end_s: float

    @property
    def told(self) -> str:
        """Name and parameters, without secrets."""
        return f"{name_of(self.fault)} {described(self.fault)}".rstrip()


def timed(
    planned: Iterable[PlannedFault], phase_starts_s: Mapping[str, float], duration_s: float
) -> tuple[list[TimedFault], list[str]]:
    """Each fault with its instants, and what is wrong with the others: one line each, with its remedy."""
    placed: list[TimedFault] = []
    faults: list[str] = []
    for entry in planned:
        start_s, fault = _instant_s(entry.at, phase_starts_s)
        end_s = start_s + entry.for_s if entry.for_s else duration_s
        wrong = [fault] if fault else []
        if not math.isfinite(entry.for_s) or entry.for_s < 0:
            wrong.append(f"for={entry.for_s:g}: give seconds above 0, or 0 for the rest of the run")
        elif not fault and not 0 <= start_s < duration_s:
            wrong.append(f"at={entry.at} is {start_s:g} s, and the run goes from 0 to {duration_s:g} s")
        elif not fault and end_s > duration_s:
            wrong.append(
                f"at={entry.at} for={entry.for_s:g} ends at {end_s:g} s, after the run, which ends at "
                f"{duration_s:g} s: shorten it, or leave for away for the rest of the run"
            )
        faults += [f"Fault {name_of(entry.fault)}: {text}" for text in wrong]
        if not wrong:
            placed.append(TimedFault(entry.fault, start_s, end_s))
    return sorted(placed, key=lambda each: each.start_s), faults


def _instant_s(at: str | float, phase_starts_s: Mapping[str, float]) -> tuple[float, str]:
    """The instant, and why there is none."""
    if not isinstance(at, str):
        return float(at), ""
    if at in phase_starts_s:
        return phase_starts_s[at], ""
    phase, plus, later = at.rpartition("+")
    seconds = _number(later)
    if seconds is None or not math.isfinite(seconds):
        wrong = f"at={at} is no instant" if plus and phase in phase_starts_s else f"at={at}: the run has no such phase"
    elif not plus:
        return seconds, ""
    elif phase in phase_starts_s:
        return phase_starts_s[phase] + seconds, ""
    else:
        wrong = f"at={at}: the run has no phase {phase!r}"
    return 0.0, f"{wrong}. Give one of {', '.join(phase_starts_s)}, with +SECONDS or without, or seconds from 0"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
