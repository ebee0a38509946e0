"""Processes as faults need them: found as the probes find them, known again by pid and birth, and never our own."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from harness.clients.address import url_problems
from harness.clients.process_search import SearchError, in_status_file, listeners, sharing
from harness.clients.sentinel import address_problems, as_http
from harness.faults import Fault, FaultError
from harness.faults._members import FoundMember, of_patroni, of_sentinel
from harness.plugins import parameter


@dataclass(frozen=True)
class ProcessFault(Fault):
    """The parameters of a fault that strikes processes, and how these are found.

    By ``pid``; by the TCP ``port`` on which they listen, with the workers that share it; or in ``status_file``, the
    state that ``python -m target up --state FILE`` keeps, by ``role`` or ``name`` there. Servers of a cluster are found
    when the fault comes, by what
    ``patroni`` or the ``sentinels`` of a ``service`` say of them: ``member`` is ``primary``, ``replica`` (the first),
    ``replicas`` (all), or the name of one. ``children``: also all of their descendants, such as the backends of
    PostgreSQL; ``machine``: these, and the Patroni beside them; ``child``: only descendants with this word in their
    command line, such as ``startup``, which replays on a replica.
    """

    pid: int = parameter(0, "pid of the process")
    port: int = parameter(0, "TCP port on which it listens", highest=65535)
    status_file: str = parameter("", "state file of the target, with its processes")
    role: str = parameter("", "role in the status_file")
    name: str = parameter("", "name in the status_file")
    patroni: tuple[str, ...] = parameter((), "addresses of the REST API of each node of Patroni", secret=True)
    sentinels: tuple[str, ...] = parameter((), "addresses of Sentinels, redis://host:port", secret=True)
    service: str = parameter("", "name of the service that the Sentinels watch")
    member: str = parameter("primary", "which server of it: primary, replica, replicas, or its name")
    machine: bool = parameter(False, "whether its descendants and the Patroni beside it are struck, too")
    children: bool = parameter(False, "whether all of its descendants are struck, too")
    child: str = parameter("", "word in the command line of those descendants that alone are struck; empty: it itself")
    processes: tuple[str, ...] = parameter((), "what was found, as pid@birth; leave it empty")
    """So that a pid that is another process by then is left alone."""

    def conflicts(self) -> Iterator[str]:
        named = sum(map(bool, (self.pid, self.port, self.status_file, self.patroni, self.sentinels)))
        if not named and not self.processes:
            yield "no process is named. Give pid, port, status_file, patroni or sentinels"
        if named > 1:
            yield "give one of pid, port, status_file, patroni and sentinels"
        if bool(self.sentinels) != bool(self.service):
            yield "sentinels and service go together. Give both"
        if self.child and (self.children or self.machine):
            yield "child is for some of the descendants alone. Leave children and machine away"
        if self.machine and not self.patroni:
            yield "machine is a node of Patroni. Give patroni, too"
        for url in self.patroni:
            yield from url_problems(url)
        yield from address_problems(self.sentinels)
        if self.status_file and not (self.role or self.name):
            yield "status_file holds many processes. Choose by role or name, e.g. name=api1"
        if (self.role or self.name) and not self.status_file:
            yield "role and name are those in a status_file. Give that, too"
        if any(not _is_identity(text) for text in self.processes):
            yield "processes are written pid@birth. Leave them away"

    def addresses(self) -> Iterable[str]:
        return (*self.patroni, *map(as_http, self.sentinels))

    def below(self, roots: list[psutil.Process]) -> list[psutil.Process]:
        """Descendants that are struck, too. Of those who listen on a port, the workers that share its socket: they go
        on answering while their supervisor is frozen. Raises FaultError where nobody tells who they are.
        """
        if self.children or self.machine:
            return descendants(roots)
        if not self.port or self.child:
            return []
        try:
            there = sharing(self.port)
        except SearchError as error:
            raise FaultError(str(error)) from None
        return [process for process in descendants(roots) if process.pid in there]

    def pin(self) -> Self:
        """The same fault with the processes found by now. Raises FaultError when there are none, or ours."""
        members = self._members()
        pids = self._pids(members)
        names = ",".join(member.name for member in members)
        try:
            found = [psutil.Process(pid) for pid in pids]
            everyone = [*found, *self.below(found)]
            if self.child:
                everyone = [each for each in descendants(found) if self.child in " ".join(each.cmdline()).split()]
                if not everyone:
                    raise FaultError(
                        f"no descendant of {describe(found)} has the word {self.child} in its command line"
                    )
            for process in everyone:
                refuse_own(process)
            there = tuple(identity(process) for process in everyone)
            return dataclasses.replace(self, processes=there, member=names or self.member)
        except psutil.NoSuchProcess as error:
            raise FaultError(f"there is no process {error.pid}") from None

    def pinned(self) -> Iterator[psutil.Process]:
        """Those of the pinned processes that are still there, and still the same."""
        for text in self.processes or self.pin().processes:
            pid, birth = text.split("@")
            try:
                process = psutil.Process(int(pid))
                if _birth(process) == birth and process.status() != psutil.STATUS_ZOMBIE:
                    yield process
            except psutil.Error:
                continue

    def _members(self) -> list[FoundMember]:
        if self.patroni:
            return of_patroni(self.patroni, self.member)
        return of_sentinel(self.sentinels, self.service, self.member) if self.sentinels else []

    def _pids(self, members: list[FoundMember]) -> list[int]:
        try:
            if members:
                # Who looks after a server goes first: it would start it again.
                managers = [one.manager_port for one in members if self.machine and one.manager_port]
                ports = [*managers, *(one.port for one in members)]
                listening = listeners(ports)
                silent = [str(port) for port in ports if not listening[port]]
                if silent:
                    raise FaultError(f"no process of this user listens on port {', '.join(silent)}")
                return [pid for port in ports for pid in listening[port]]
            if self.port:
                pids = listeners([self.port])[self.port]
                if not pids:
                    raise FaultError(f"no process of this user listens on port {self.port}")
                return pids
            if self.status_file:
                known = in_status_file(Path(self.status_file), (self.role,) if self.role else ())
                pids = [pid for name, pid in known if self.name in ("", name)]
                if not pids:
                    there = ", ".join(name for name, _ in known)
                    raise FaultError(f"no process is called {self.name}; there are {there}")
                return pids
        except SearchError as error:
            raise FaultError(str(error)) from None
        return [self.pid]


def descendants(roots: list[psutil.Process]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for root in roots:
        try:
            found |= {child.pid: child for child in root.children(recursive=True)}
        except psutil.Error:
            continue
    return list(found.values())


def identity(process: psutil.Process) -> str:
    return f"{process.pid}@{_birth(process)}"


def describe(processes: list[psutil.Process]) -> str:
    """At most the first few, in words."""
    names = [f"{_name(process)} {process.pid}" for process in processes[:5]]
    return ", ".join([*names, *([f"{len(processes) - 5} more"] if len(processes) > 5 else [])])


def refuse_own(process: psutil.Process) -> None:
    """Raises FaultError when ``process`` is this one or one of its parents: nobody would be left to undo anything."""
    this = psutil.Process()
    if process.pid in {this.pid, *(parent.pid for parent in this.parents())}:
        raise FaultError(f"process {process.pid} is our own, or one that we run in: name another")


def _birth(process: psutil.Process) -> str:
    """Something that no later process with the same pid has. On Linux in ticks since the machine was started: setting
    the clock, which the time of creation follows, does not change them.
    """
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text(errors="replace")
    except FileNotFoundError:
        if os.path.exists("/proc/self/stat"):  # noqa: PTH110  the process has just ended
            raise psutil.NoSuchProcess(process.pid) from None
        return f"{process.create_time():.2f}"
    except ProcessLookupError:
        raise psutil.NoSuchProcess(process.pid) from None
    return stat.rpartition(")")[2].split()[19]


def _is_identity(text: str) -> bool:
    pid, at, birth = text.partition("@")
    return pid.isdecimal() and int(pid) > 0 and bool(at) and bool(birth)


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return "pid"
