"""The faults of one run: those of its scenario and of ``--fault``, checked, with their instants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from harness.clients.address import consented, require_allowed, url_faults
from harness.config._fault_text import parse
from harness.config._fault_timeline import TimedFault, timed
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.faults import Addressed, Fronting, PlannedFault, name_of
from shapes._profile import Profile


def read(scenario: Scenario, values: Any, profile: Profile | None) -> tuple[tuple[TimedFault, ...], list[str]]:
    """The faults in the order of their instants, and everything that is wrong with them.

    ``values`` are Locust's parsed options; ``profile`` is None where the shape's options are wrong: then there are no
    phases to check against.
    """
    planned: list[PlannedFault] = []
    faults: list[str] = []
    try:
        planned += scenario.faults(values) if callable(scenario.faults) else scenario.faults
    except ConfigurationError as error:
        faults += error.messages
    written, wrong = parse(str(getattr(values, "fault", "") or ""))
    planned += written
    faults += wrong
    allowed = consented(getattr(values, "allow_host", ""))
    for entry in planned:
        faults += _foreign(entry, allowed)
    if profile is None:
        return (), faults
    starts_s: dict[str, float] = {}
    for phase in profile.phases:
        starts_s.setdefault(phase.name, float(phase.start_s))
    placed, misplaced = timed(planned, starts_s, float(profile.duration_s))
    return tuple(placed), [*faults, *misplaced]


def behind(host: str, faults: Iterable[TimedFault]) -> str:
    """The address to which ``host`` leads, which may be that of a fault in front of the target.

    A ``host`` that is no address leads nowhere else; it is refused where hosts are checked.
    """
    if url_faults(host):
        return host
    for timed_fault in faults:
        if isinstance(timed_fault.fault, Fronting):
            port, to = timed_fault.fault.fronts()
            if port and urlsplit(host).port == port and urlsplit(host).hostname in ("127.0.0.1", "localhost"):
                return f"{urlsplit(host).scheme}://{to}"
    return host


def lines(scenario: Scenario, faults: tuple[TimedFault, ...]) -> list[str]:
    """What is planned, one line each, for ``springback plan``."""
    told = [f"fault from {fault.start_s:g} to {fault.end_s:g} s: {fault.told}" for fault in faults]
    if not told and callable(scenario.faults):
        told = ["faults: the scenario says which ones as soon as it knows the target's addresses"]
    return told


def _foreign(entry: PlannedFault, allowed: tuple[str, ...]) -> list[str]:
    if not isinstance(entry.fault, Addressed):
        return []
    faults: list[str] = []
    for url in entry.fault.addresses():
        try:
            require_allowed(url, allowed)
        except ConfigurationError as error:
            faults += [f"Fault {name_of(entry.fault)}: {message}" for message in error.messages]
    return faults
