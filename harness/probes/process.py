"""Memory and CPU of the target's processes, found by pid, by port, or from the target's status file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import psutil

from harness.clients.process_search import SearchError, holds, in_status_file, listeners, sockets_on
from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.probes._process_meter import ProcessMeter


@dataclass
class _Session:
    """What is remembered from sample to sample."""

    roots: dict[str, ProcessMeter] = field(default_factory=dict)
    """Source → process that was asked for."""
    children: dict[str, ProcessMeter] = field(default_factory=dict)
    sockets: dict[int, frozenset[str]] = field(default_factory=dict)
    """Port → those that listened on it when it was asked for last."""
    failures: list[Reading] = field(default_factory=list)
    """What the last search did not find: said at each sample until it is found."""
    searched_s: float | None = None


@dataclass(frozen=True)
class Process(Probe):
    """Figures of processes and of their children, e.g. the workers of uvicorn.

    Found by ``pids``, by the TCP ``ports`` on which they listen, or in ``status_file``, the state that
    ``python -m target up --state FILE`` keeps, where ``roles`` selects. A process found by port or in the
    file is found again after a restart, and so is one that takes a port over from another, which may live on for as
    long as its connections do. Sources are ``python-4711``, ``port-8000``, or the name in the file;
    those of children end in ``/pid``. A process that is gone, or whose pid is another process now, is a
    failed reading at each sample; a child that is gone is one failed reading.

    Values: ``rss_bytes``; ``uss_bytes`` about every ``uss_interval_s`` (0: never), because it makes the
    system walk the whole memory map; ``cpu_ratio``, 1.0 = one core, the mean since the sample before and
    absent in the first; ``threads``; ``open_fds``; ``pid`` and ``create_time_s`` (Unix time), by which a restart is
    seen, and ``executions``, how often it has executed a program anew since it was first read (Linux), by which one is
    that keeps its pid: any program, where it was found by its port or given by its pid, and otherwise one that it had
    executed before; ``memory_limit_bytes``, the least of the machine's memory and of what its cgroups may have;
    ``oom_kills``, processes of its cgroup that were killed for want of memory. What the system does not permit, or
    does not have, is left out.
    """

    watches_processes: ClassVar[bool] = True

    pids: tuple[int, ...] = parameter((), "pids of processes", lowest=1)
    ports: tuple[int, ...] = parameter((), "TCP ports on which they listen", lowest=1, highest=65535)
    status_file: str = parameter("", "state file of the target with its processes")
    roles: tuple[str, ...] = parameter(("api",), "roles in the status_file")
    children: bool = parameter(True, "whether their descendants are sampled, too")
    refresh_interval_s: float = parameter(2.0, "time between two searches for new processes")
    """A search costs milliseconds, a sample microseconds."""
    uss_interval_s: float = parameter(10.0, "time between two readings of uss_bytes; 0: never read")
    _session: _Session = field(default_factory=_Session, init=False, repr=False, compare=False)

    def conflicts(self) -> Iterator[str]:
        if not (self.pids or self.ports or self.status_file):
            yield "nothing to sample. Give pids, ports or status_file"
        if self.status_file and not self.roles:
            yield "roles is empty. Name at least one, e.g. api"

    def sample(self) -> Iterator[Reading]:
        session, now_s = self._session, time.monotonic()
        if session.searched_s is None or now_s - session.searched_s >= self.refresh_interval_s:
            session.searched_s = now_s
            self._search()
        yield from session.failures
        for source, meter in session.roots.items():
            yield meter.read(source, self.uss_interval_s)
        for source, meter in list(session.children.items()):
            reading = meter.read(source, self.uss_interval_s)
            if reading.error:
                del session.children[source]
            yield reading

    def _search(self) -> None:
        """Brings the session up to date. A process that is still there keeps its meter: its CPU time."""
        session, before = self._session, self._session.roots
        session.roots, session.failures = {}, []
        self._find_pids(before)
        self._find_ports(before)
        self._find_in_file(before)
        if self.children:
            self._find_children()

    def _find_pids(self, before: dict[str, ProcessMeter]) -> None:
        known = {meter.pid: source for source, meter in before.items()}
        for pid in self.pids:
            if pid in known:
                self._session.roots[known[pid]] = before[known[pid]]
            elif meter := self._meter(f"pid-{pid}", pid, serves=True):
                self._session.roots[f"{meter.name}-{pid}"] = meter

    def _find_ports(self, before: dict[str, ProcessMeter]) -> None:
        kept = {port: _of_port(port, before) for port in self.ports}
        try:
            sockets = sockets_on(self.ports)
            lost = [port for port, meters in kept.items() if self._has_changed(port, meters, sockets[port])]
            found = listeners(lost) if lost else {}
        except SearchError as error:
            reason = str(error)
            self._session.failures += [Reading.failed(f"port-{port}", reason) for port in self.ports if not kept[port]]
            self._session.roots |= {source: meter for meters in kept.values() for source, meter in meters.items()}
            return
        self._session.sockets = sockets
        running = {source: meter for source, meter in before.items() if meter.is_running()}
        for port, meters in kept.items():
            if port not in lost:
                self._session.roots |= meters
            elif not found[port]:
                reason = f"no process of this user listens on port {port}"
                self._session.failures.append(Reading.failed(f"port-{port}", reason))
            for source, pid in _named(port, found.get(port, []), meters):
                self._keep_or_add(source, pid, running, serves=True)

    def _has_changed(self, port: int, meters: dict[str, ProcessMeter], sockets: frozenset[str]) -> bool:
        """Whether others may listen on the port by now. Who has handed it over to a successor may still be running."""
        if not meters or not all(meter.is_running() for meter in meters.values()):
            return True
        if sockets != self._session.sockets.get(port):
            return True
        return bool(sockets) and not all(holds(meter.pid, sockets) for meter in meters.values())

    def _find_in_file(self, before: dict[str, ProcessMeter]) -> None:
        if not self.status_file:
            return
        path = Path(self.status_file)
        try:
            for name, pid in in_status_file(path, self.roles):
                self._keep_or_add(name, pid, before)
        except SearchError as error:
            self._session.failures.append(Reading.failed(path.name, str(error)))

    def _find_children(self) -> None:
        session = self._session
        taken = {meter.pid for meter in session.roots.values()}
        session.children = {source: m for source, m in session.children.items() if m.pid not in taken}
        taken |= {meter.pid for meter in session.children.values()}
        taken.add(os.getpid())  # the sampler is no part of the target
        for root, meter in session.roots.items():
            for pid in meter.children():
                if pid not in taken and (child := self._meter(None, pid)) and child.is_running():
                    session.children[f"{root}/{pid}"] = child

    def _keep_or_add(self, source: str, pid: int, before: dict[str, ProcessMeter], *, serves: bool = False) -> None:
        known = before.get(source)
        meter = known if known and known.pid == pid else self._meter(source, pid, serves=serves)
        if meter:
            self._session.roots[source] = meter

    def _meter(self, source: str | None, pid: int, *, serves: bool = False) -> ProcessMeter | None:
        """A meter for ``pid``; else None, and a failed reading when there is a ``source``."""
        try:
            return ProcessMeter(pid, serves=serves)
        except psutil.Error:
            if source:
                self._session.failures.append(Reading.failed(source, f"there is no process {pid}"))
            return None


def _of_port(port: int, meters: dict[str, ProcessMeter]) -> dict[str, ProcessMeter]:
    return {s: meter for s, meter in meters.items() if s == f"port-{port}" or s.startswith(f"port-{port}/")}


def _named(port: int, pids: list[int], before: dict[str, ProcessMeter]) -> Iterator[tuple[str, int]]:
    """Source and pid of each that listens on the port. Whoever is known keeps its name, and a successor takes that of
    the one before it, so that the change shows; of several at once each has a name of its own.
    """
    name = f"port-{port}"
    known = {meter.pid: source for source, meter in before.items()}
    if name in before or not (before or len(pids) > 1):
        heir = before[name].pid if name in before and before[name].pid in pids else min(pids, default=0)
        known[heir] = name
    for pid in pids:
        yield known.get(pid, f"{name}/{pid}"), pid
