"""What a run samples: what its scenario and its options ask for, and what is seen without being asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from harness import probes as probes_folder
from harness.analysis.machine import on_masters_machine
from harness.clients.address import require_allowed
from harness.config import addresses
from harness.config.given import Given
from harness.config.options import GENERAL
from harness.config.scenario import Scenario
from harness.config.written import entries
from harness.errors import ConfigurationError
from harness.probes import Probe

FLAG = "--probe"
EXAMPLE = f'{FLAG} "docker_container containers=api1,db"'
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "postgresql": 5432, "postgres": 5432, "redis": 6379}


def behind_host(host: str, probes: Iterable[Probe]) -> Iterable[Probe]:
    """The processes behind the host's port, where nothing else says which to sample. Nobody has named them, so they may
    be out of sight: in a container, or another user's.
    """
    if not any(probe.watches_processes for probe in probes) and (port := _loopback_port(host)):
        yield probes_folder.load("process", ports=(port,))


def of_run(hosts: Iterable[str], scenario: Scenario, usable: Any) -> Iterable[Probe]:
    """The CPU of whatever is on this machine and was named to the run: what is left is taken by others."""
    named = [*hosts, *addresses.named(usable, (*scenario.options, *GENERAL))]
    ports = {*usable.probe_ports, *(port for address in named if (port := _port_here(address)))}
    if ports or usable.probe_pids or usable.target_state:
        yield probes_folder.load(
            "run_cpu", ports=tuple(sorted(ports)), pids=usable.probe_pids, status_file=usable.target_state
        )


def _port_here(address: str) -> int | None:
    """The port of a service on this machine; None for any other, and for what is no address."""
    try:
        parts = urlsplit(address)
        return (parts.port or DEFAULT_PORTS.get(parts.scheme)) if on_masters_machine(address) else None
    except ValueError:
        return None


def asked_for(given: Given, scenario: Scenario, usable: Any) -> Iterable[Probe]:
    wanted: list[tuple[str, dict[str, Any]]] = []
    try:
        for probe in scenario.planned_probes(usable):
            if isinstance(probe, dict):
                wanted.append((probe["probe"], probe["parameters"]))
            else:
                yield probe
    except ConfigurationError as error:
        given.problems += error.messages
    if usable.probe_ports:
        wanted.append(("process", {"ports": usable.probe_ports}))
    if usable.probe_pids:
        wanted.append(("process", {"pids": usable.probe_pids}))
    if usable.target_state:
        wanted.append(("process", {"status_file": usable.target_state}))
    if usable.probe_prometheus:
        wanted.append(("prometheus", {"urls": usable.probe_prometheus}))
    wanted += [("http_json", {"url": url}) for url in usable.probe_json]
    yield from written(usable.probe, given.problems)
    for name, parameters in wanted:
        try:
            yield probes_folder.load(name, **parameters)
        except ConfigurationError as error:
            given.problems += error.messages


def _loopback_port(host: str) -> int | None:
    """The port of an address on this machine, None for any other."""
    try:
        require_allowed(host, ())
    except ConfigurationError:
        return None
    parts = urlsplit(host)
    return parts.port or (443 if parts.scheme == "https" else 80)


def written(text: str, problems: list[str]) -> Iterator[Probe]:
    """Those of ``--probe`` that are well written. Notes every problem of the others with its remedy; what is written is
    not repeated, it may be half of a password.
    """
    for entry in entries(text, FLAG, "probe", EXAMPLE):
        problems += entry.problems
        try:
            if not entry.problems:
                yield probes_folder.load(entry.name, **probes_folder.from_text(entry.name, entry.given))
        except ConfigurationError as error:
            problems += [f"{FLAG}: {message}" for message in error.messages]
