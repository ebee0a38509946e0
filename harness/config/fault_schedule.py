"""When each fault of a run is injected and undone: those of its scenario and of ``--fault``, read, checked, and put on
the time axis.

On the command line a fault is written ``name key=value … at=spike+5 for=10``, several with semicolons.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.clients.address import allowed_hosts, require_allowed, url_problems
from harness.config.scenario import Scenario
from harness.config.written import Written, entries
from harness.errors import ConfigurationError
from harness.faults import Addressed, Fault, Fronting, PlannedFault, ScheduledFault, from_text, load, name_of
from shapes._profile import Profile

FLAG = "--fault"
EXAMPLE = f'{FLAG} "stop_process port=8000 at=spike+5 for=10"'


def read(scenario: Scenario, values: Any, profile: Profile | None) -> tuple[tuple[ScheduledFault, ...], list[str]]:
    """The faults in the order of their instants, and everything that is wrong with them.

    ``values`` are Locust's parsed options; ``profile`` is None where the shape's options are wrong: then there are no
    phases to check against.
    """
    planned: list[PlannedFault] = []
    problems: list[str] = []
    try:
        planned += scenario.planned_faults(values)
    except ConfigurationError as error:
        problems += error.messages
    written, wrong = parse(str(getattr(values, "fault", "") or ""))
    problems += wrong
    planned += [each.planned for each in written if each.planned is not None]
    allowed = allowed_hosts(getattr(values, "allow_host", ""))
    for entry in planned:
        problems += _foreign(entry, allowed)
    if profile is None:
        return (), problems
    starts_s: dict[str, float] = {}
    for phase in profile.phases:
        starts_s.setdefault(phase.name, float(phase.start_s))
    duration_s = float(profile.duration_s)
    for each in written:
        if each.planned is None:  # when it is wrong in other ways, its instants may be wrong as well
            problems += _placed(each.name, each.at, each.for_s, starts_s, duration_s)[1]
    placed, misplaced = scheduled(planned, starts_s, duration_s)
    return tuple(placed), [*problems, *misplaced, *_contested_ports(placed)]


def behind(host: str, faults: Iterable[ScheduledFault]) -> str:
    """The address to which ``host`` leads, which may be that of a fault in front of the target.

    A ``host`` that is no address leads nowhere else; it is refused where hosts are checked.
    """
    if url_problems(host):
        return host
    for scheduled in faults:
        if isinstance(scheduled.fault, Fronting):
            port, to = scheduled.fault.fronts()
            if port and urlsplit(host).port == port and urlsplit(host).hostname in ("127.0.0.1", "localhost"):
                return f"{urlsplit(host).scheme}://{to}"
    return host


def lines(scenario: Scenario, faults: tuple[ScheduledFault, ...]) -> list[str]:
    """What is planned, one line each, for ``springback plan``."""
    plans = [fault.plan for fault in faults]
    described = [f"fault from {plan.start_s:g} to {plan.end_s:g} s: {plan.description}" for plan in plans]
    if not described and callable(scenario.faults):
        described = ["faults: none with these options; the scenario may plan some when it knows the target's addresses"]
    return described


def _foreign(entry: PlannedFault, allowed: tuple[str, ...]) -> list[str]:
    if not isinstance(entry.fault, Addressed):
        return []
    problems: list[str] = []
    for url in entry.fault.addresses():
        try:
            require_allowed(url, allowed)
        except ConfigurationError as error:
            problems += [f"Fault {name_of(entry.fault)}: {message}" for message in error.messages]
    return problems


# As it is written


@dataclass(frozen=True)
class WrittenFault:
    """What can be read of a fault that is written: ``planned`` is None where something is wrong with it."""

    name: str
    at: str = "0"
    for_s: float = 0.0
    planned: PlannedFault | None = None


def parse(text: str) -> tuple[list[WrittenFault], list[str]]:
    """The faults as they are written, and what is wrong with them: one line each, with its remedy."""
    written: list[WrittenFault] = []
    problems: list[str] = []
    for entry in entries(text, FLAG, "fault", EXAMPLE):
        found, wrong = _read(entry)
        written.append(found)
        problems += [*entry.problems, *(f"{FLAG}: {problem}" for problem in wrong)]
    return written, problems


def _read(entry: Written) -> tuple[WrittenFault, list[str]]:
    given, problems = dict(entry.given), []
    if "at" not in given and not entry.problems:
        problems.append(f"{entry.name} has no at=: say when, e.g. {EXAMPLE}")
    at, for_text = given.pop("at", "0"), given.pop("for", "0")
    for_s = _number(for_text)
    if for_s is None:
        problems.append(f"{entry.name} for={for_text}: give seconds, e.g. for=10")
    fault: Fault | None = None
    try:
        if not entry.problems:
            fault = load(entry.name, **from_text(entry.name, given))
    except ConfigurationError as error:
        problems += error.messages
    planned = PlannedFault(fault, at, for_s or 0.0) if fault is not None and not problems else None
    return WrittenFault(entry.name, at, for_s or 0.0, planned), problems


# On the time axis


def scheduled(
    planned: Iterable[PlannedFault], phase_starts_s: Mapping[str, float], duration_s: float
) -> tuple[list[ScheduledFault], list[str]]:
    """Each fault with its instants, and what is wrong with the others: one line each, with its remedy."""
    placed: list[tuple[float, float, Fault]] = []
    problems: list[str] = []
    for entry in planned:
        (start_s, end_s), wrong = _placed(name_of(entry.fault), entry.at, entry.for_s, phase_starts_s, duration_s)
        problems += wrong
        if not wrong:
            placed.append((start_s, end_s, entry.fault))
    placed.sort(key=lambda each: each[0])
    return [
        ScheduledFault.of(number, fault, start_s, end_s) for number, (start_s, end_s, fault) in enumerate(placed, 1)
    ], problems


def _placed(
    name: str, at: str | float, for_s: float, phase_starts_s: Mapping[str, float], duration_s: float
) -> tuple[tuple[float, float], list[str]]:
    """Its two instants, and what is wrong with them."""
    start_s, misplaced = _instant_s(at, phase_starts_s)
    end_s = start_s + for_s if for_s else duration_s
    wrong = [misplaced] if misplaced else []
    if not math.isfinite(for_s) or for_s < 0:
        wrong.append(f"for={for_s:g}: give seconds above 0, or 0 for the rest of the run")
    elif not misplaced and not 0 <= start_s < duration_s:
        wrong.append(f"at={at} is {start_s:g} s, and the run goes from 0 to {duration_s:g} s")
    elif not misplaced and end_s > duration_s:
        wrong.append(
            f"at={at} for={for_s:g} ends at {end_s:g} s, after the run, which ends at {duration_s:g} s: shorten it, "
            "or leave for away for the rest of the run"
        )
    return (start_s, end_s), [f"{f'Fault {name}' if name else 'A fault'}: {text}" for text in wrong]


def _contested_ports(faults: Iterable[ScheduledFault]) -> Iterator[str]:
    """Several may share a port in front of one address, and none may lead to two."""
    leads_to: dict[int, str] = {}
    for each in faults:
        if isinstance(each.fault, Fronting):
            port, to = each.fault.fronts()
            if port and leads_to.setdefault(port, to) != to:
                yield (
                    f"Fault {name_of(each.fault)}: port {port} leads to {leads_to[port]} already: "
                    f"choose another for {to}"
                )


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
