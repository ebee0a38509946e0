"""Memory, CPU, throttling and OOM kills of control groups of Linux: services, containers and pods of this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import psutil

from harness.analysis import quota, target_memory
from harness.clients.cgroups import ControlGroup
from harness.clients.process_search import SearchError, listeners
from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.probes._container_meter import CounterMeter


@dataclass
class _Session:
    groups: dict[str, ControlGroup] = field(default_factory=dict)
    """Source → its group, once it was found."""
    meters: dict[str, CounterMeter] = field(default_factory=dict)


@dataclass(frozen=True)
class Cgroup(Probe):
    """Figures of control groups, of version 2 or 1: each found by its path in ``paths``, by the TCP ``ports`` on which
    one of its processes listens, or by ``pids``. Sources are the path, ``cgroup of port 8000``, ``cgroup of pid
    4711``.

    Values: ``memory_working_set_bytes``, the memory in use less the file cache that was not used of late, as the
    kubelet has it; ``memory_limit_bytes``, the least of the machine's memory and of what it and the groups around it
    may have; ``oom_kills``, processes of it killed for want of memory; ``cpu_ratio``, 1.0 = one core, the mean since
    the sample before; ``cpu_limit_cores``, the quota, 0 without one; ``cpu_throttled_ratio``, the share of the quota's
    periods (0.1 s as a rule) since the sample before in which it was used up, and its counters ``cpu_periods_total``,
    ``cpu_throttled_periods_total``, ``cpu_throttled_s_total``; ``processes``; ``pid`` and ``create_time_s`` of the
    oldest of them, by which a restart is seen. What the system does not tell is left out; without memory the reading
    fails.
    https://docs.kernel.org/admin-guide/cgroup-v2.html
    """

    watches_processes: ClassVar[bool] = True

    paths: tuple[str, ...] = parameter((), "paths below /sys/fs/cgroup, e.g. system.slice/nginx.service")
    ports: tuple[int, ...] = parameter((), "TCP ports on which a process of it listens", lowest=1, highest=65535)
    pids: tuple[int, ...] = parameter((), "pids of processes in it", lowest=1)
    _session: _Session = field(default_factory=_Session, init=False, repr=False, compare=False)

    def conflicts(self) -> Iterator[str]:
        if not (self.paths or self.ports or self.pids):
            yield "nothing to sample. Give paths, ports or pids"
        for path in self.paths:
            if not path.strip("/") or ".." in path.split("/") or path.startswith("/sys/"):
                yield f"paths: {path!r} is none below /sys/fs/cgroup. Give one like system.slice/nginx.service"

    def sample(self) -> Iterator[Reading]:
        for path in self.paths:
            # It is another group after each restart of its service, under the same path.
            group = ControlGroup.named(path)
            yield self._read(path, group) if group else Reading.failed(path, _absent(path))
        for pid in self.pids:
            yield self._of_pid(f"cgroup of pid {pid}", pid, f"there is no process {pid}")
        for port in self.ports:
            yield self._of_port(port)

    def _of_port(self, port: int) -> Reading:
        source = f"cgroup of port {port}"
        group = self._session.groups.get(source)
        if group is not None and group.pids():
            return self._read(source, group)
        try:
            found = listeners([port])[port]
        except SearchError as error:
            return Reading.failed(source, str(error))
        why = f"no process of this user listens on port {port}"
        return self._of_pid(source, found[0], why) if found else Reading.failed(source, why)

    def _of_pid(self, source: str, pid: int, why_not: str) -> Reading:
        groups = self._session.groups
        if source not in groups or not groups[source].pids():
            if not psutil.pid_exists(pid):
                return Reading.failed(source, why_not)
            groups[source] = ControlGroup.of_process(pid)
        return self._read(source, groups[source])

    def _read(self, source: str, group: ControlGroup) -> Reading:
        working_set = group.memory_working_set_bytes()
        if working_set is None:
            return Reading.failed(
                source,
                "its memory is not told: it is in the group of the whole machine, or the memory controller is off. Let "
                "it run in a service, a container or a slice of its own",
            )
        oldest = _oldest(pids := group.pids())
        if oldest is None:
            return Reading.failed(source, "no process is in it: what ran there has ended")
        values = {target_memory.WORKING_SET: working_set, target_memory.LIMIT: group.memory_limit_bytes()}
        values |= {"processes": len(pids), "pid": oldest.pid, "create_time_s": oldest.create_time()}
        for name, value in (("oom_kills", group.oom_kills()), (quota.LIMIT, group.cpu_limit_cores())):
            if value is not None:
                values[name] = value
        meter = self._session.meters.setdefault(source, CounterMeter())
        return Reading.of(source, values | meter.read(time.monotonic(), group.cpu_s(), group.throttling()))


def _absent(path: str) -> str:
    return f"there is no control group {path}: `systemd-cgls` shows those that there are, below /sys/fs/cgroup"


def _oldest(pids: list[int]) -> psutil.Process | None:
    """Whoever started the others, as a rule. None of them may be left."""
    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append((process.create_time(), pid, process))
        except psutil.Error:
            continue
    return min(found)[2] if found else None
