"""CPU that the run itself takes on this machine besides its load processes: what is left over is taken by others."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from harness.clients.process_search import SearchError, descendants, in_status_file, is_alive, listeners
from harness.plugins import parameter
from harness.probes import Probe, Reading

SOURCE = "services and helpers"
FULL_SEARCH_EVERY = 5
"""Who listens is looked for in the open files of every process on the machine, the dearest by far of what is sampled:
while those that are known are there, only at each so many searches.
"""
FORWARDERS = ("docker-proxy", "com.docker", "rootlessport", "gvproxy", "slirp4netns", "pasta", "ssh", "kubectl")
"""Beginnings of the names of programs that listen on behalf of something that is out of sight."""


@dataclass(frozen=True)
class _Used:
    """CPU time of a process, in seconds since its birth."""

    parent: int
    born_at: float
    """Unix time."""
    own_s: float
    """0 for a load process, which is counted by itself."""
    reaped_s: float
    """Of its children that have ended, and of theirs."""


@dataclass
class _Session:
    meters: dict[int, psutil.Process] = field(default_factory=dict)
    reapers: set[int] = field(default_factory=set)
    """Those of the pids that are load processes."""
    used: dict[int, _Used] = field(default_factory=dict)
    """At the sample before."""
    unseen_ports: set[int] = field(default_factory=set)
    """Nobody of this user has ever listened there."""
    listeners: dict[int, list[psutil.Process]] = field(default_factory=dict)
    """Port → who listened there at the last search of all processes."""
    searches: int = 0
    searched_s: float | None = None
    young_at: float = math.inf
    """Unix time of the search before the last one: who was born since then has not been missed by any."""
    searched_at: float = math.inf
    read_s: float | None = None


@dataclass(frozen=True)
class RunCpu(Probe):
    """One reading of all these together: who listens on ``ports``, whatever is in ``status_file``, ``pids``, all with
    their descendants; the processes of ours beside the load, as this one is; and ``alone``, without their descendants.

    Value: ``cpu_ratio``, 1.0 = one core, the mean since the sample before, absent in the first. The reading fails while
    nobody whom this user may see has ever listened on one of the ports, or a forwarder of containers does: then part of
    the run is out of sight. A process that came and went between two searches is missed; one that listens beside those
    that are known is found at the fifth.
    """

    ports: tuple[int, ...] = parameter((), "TCP ports of the services of the run", lowest=1, highest=65535)
    status_file: str = parameter("", "state file of the target with its processes")
    pids: tuple[int, ...] = parameter((), "pids of processes", lowest=1)
    alone: tuple[int, ...] = parameter((), "pids of processes that count without their descendants", lowest=1)
    refresh_interval_s: float = parameter(2.0, "time between two searches for new processes")
    _session: _Session = field(default_factory=_Session, init=False, repr=False, compare=False)

    def sample(self) -> Iterator[Reading]:
        session, now_s = self._session, time.monotonic()
        problem = ""
        if session.searched_s is None or now_s - session.searched_s >= self.refresh_interval_s:
            if session.searched_s is None:
                session.unseen_ports = set(self.ports)
            session.searched_s = now_s
            session.young_at, session.searched_at = session.searched_at, time.time()
            problem = self._search()
        used = {
            pid: found
            for pid, each in session.meters.items()
            if (found := _used(each, session.used.get(pid))) is not None
        }
        for pid in session.reapers & used.keys():
            used[pid] = replace(used[pid], own_s=0.0)
        gone_s = _gone_s(session.used, used, session.young_at)
        before_s, session.read_s, session.used = session.read_s, now_s, used
        counted = len(used.keys() - session.reapers)
        if problem or session.unseen_ports:
            ports = ", ".join(map(str, sorted(session.unseen_ports)))
            why = problem or f"nobody whom this user may see listens on port {ports}"
            yield Reading.failed(SOURCE, why, may_come=True)
        elif before_s is None or now_s <= before_s:
            yield Reading.of(SOURCE, {"processes": counted})
        else:
            yield Reading.of(SOURCE, {"cpu_ratio": gone_s / (now_s - before_s), "processes": counted})

    def _search(self) -> str:
        """Brings the processes up to date; what cannot be seen, in words, else nothing."""
        session = self._session
        roots = set(self.pids)
        problem = ""
        try:
            self._search_listeners()
            roots |= {each.pid for found in session.listeners.values() for each in found}
            if self.status_file:
                roots |= {pid for _, pid in in_status_file(Path(self.status_file), ())}
        except SearchError as error:
            problem = str(error)
        load = os.getppid()
        children = descendants(load, recursive=False)
        workers = {load, *(pid for pid in children if _is_fork(pid, load))}
        every = {pid for root in roots for pid in (root, *descendants(root))}
        # The load is counted by itself: it may be a child of who serves the target, in a test of somebody's own.
        every -= {load, *children} - roots
        started = {pid for worker in workers for pid in descendants(worker, recursive=False)} - workers
        every |= {each for pid in started for each in (pid, *descendants(pid))}
        every |= {os.getpid(), *self.alone}
        session.reapers = workers - every
        wanted = every | session.reapers
        session.meters = {pid: each for pid in wanted if (each := session.meters.get(pid) or _process(pid)) is not None}
        return problem

    def _search_listeners(self) -> None:
        """Raises SearchError."""
        session = self._session
        session.searches += 1
        known = [bool(found) and all(map(is_alive, found)) for found in session.listeners.values()]
        if not self.ports or (known and all(known) and session.searches % FULL_SEARCH_EVERY):
            return
        for port, pids in listeners(self.ports).items():
            seen = [pid for pid in pids if not _name(pid).startswith(FORWARDERS)]
            session.listeners[port] = [each for pid in seen if (each := _process(pid)) is not None]
            if seen == pids and pids:
                session.unseen_ports.discard(port)


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _used(process: psutil.Process, before: _Used | None) -> _Used | None:
    """``before`` spares a search for what seldom changes: its parent, and when it was born."""
    try:
        times = process.cpu_times()
        own_s, reaped_s = times.user + times.system, times.children_user + times.children_system
        if before is not None:
            return replace(before, own_s=own_s, reaped_s=reaped_s)
        return _Used(process.ppid(), process.create_time(), own_s, reaped_s)
    except psutil.Error:
        return None


def _gone_s(before: Mapping[int, _Used], now: Mapping[int, _Used], young_at: float) -> float:
    """CPU time between two samples. What a parent has waited for since then counts less what was counted while it was
    there. A process that was not there before, and not born since ``young_at``, may have worked long before it was
    found: it counts from now on.
    """
    gone_s = 0.0
    counted_s: dict[int, float] = {}
    for pid, each in before.items():
        if pid not in now:
            heir = each.parent  # or whoever has waited for that one
            while heir in before and heir not in now:
                heir = before[heir].parent
            counted_s[heir] = counted_s.get(heir, 0.0) + each.own_s + each.reaped_s
    for pid, each in now.items():
        old = before.get(pid) or (replace(each, own_s=0.0, reaped_s=0.0) if each.born_at >= young_at else each)
        gone_s += each.own_s - old.own_s + max(0.0, each.reaped_s - old.reaped_s - counted_s.get(pid, 0.0))
    return gone_s


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""


def _is_fork(pid: int, load: int) -> bool:
    """Whether it is a worker that the load has forked: the same program with the same words, and none of its own."""
    try:
        return bool(psutil.Process(pid).cmdline() == psutil.Process(load).cmdline())
    except psutil.Error:
        return False
