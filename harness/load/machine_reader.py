"""How busy this machine is, whoever makes it so: what a load process cannot see by looking at itself alone.

Figures that the system does not have (pressure on other systems than Linux, throttling outside of a cgroup) are left
out. Sources: proc(5) for ``/proc/stat``, Documentation/accounting/psi.rst and admin-guide/cgroup-v2.rst of Linux.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from harness.clients.cgroups import ControlGroup, paths_of

RESOURCES = ("cpu", "memory", "io")


def usable_cpus() -> set[int]:
    """Numbers of the CPUs that this process may use; empty where the system does not say (macOS)."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def usable_cores() -> int:
    return len(usable_cpus()) or os.cpu_count() or 1


class MachineReader:
    """Each :meth:`read` tells of the time since the one before. It costs less than a millisecond.

    ``root`` stands in for the root of the file system.
    """

    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._cgroup = _unified(root)
        self._group = ControlGroup.of_process("self", root)
        self._counters: dict[str, float] = {}
        self._read_s = 0.0
        self.read()

    def read(self) -> dict[str, float]:
        """``cpus``: CPUs that this process may use. Of these, in cores: ``busy_cores`` (user and system time of all
        processes), ``idle_cores``, ``steal_cores`` (taken by the hypervisor). ``runnable``: processes that run or wait
        for a CPU. ``pressure_cpu_ratio``, ``pressure_memory_ratio`` and ``pressure_io_ratio``: share of the time in
        which somebody waited for it, and ``cgroup_pressure_cpu_ratio``, in this process's own cgroup.
        ``throttled_ratio``: share of the periods of the cgroup's CPU quota in which it was used up.
        """
        now_s = self._clock()
        elapsed_s, self._read_s = now_s - self._read_s, now_s
        now = {**self._cpu_times_s(), **self._pressure_s(), **self._quota_periods()}
        before, self._counters = self._counters, now
        gone = {name: now[name] - before[name] for name in now.keys() & before.keys()}
        values: dict[str, float] = {}
        if (cpus := now.get("cpus")) is not None:
            values["cpus"] = cpus
            if (total_s := gone.get("all_s", 0.0)) > 0:
                # By the system's own account of the time, which does not drift against itself.
                values |= {
                    f"{name}_cores": gone[f"{name}_s"] / total_s * cpus
                    for name in ("busy", "idle", "steal")
                    if f"{name}_s" in gone
                }
        if "runnable" in now:
            values["runnable"] = now["runnable"]
        if elapsed_s > 0:
            waited = {name: s for name, s in gone.items() if name.startswith(("pressure", "cgroup_pressure"))}
            values |= {f"{name}_ratio": min(1.0, max(0.0, s / elapsed_s)) for name, s in waited.items()}
        quotas = [gone[name] / gone[f"of_{name}"] for name in gone if f"of_{name}" in gone and gone[f"of_{name}"] > 0]
        if quotas:
            values["throttled_ratio"] = max(quotas)
        return values

    def _cpu_times_s(self) -> dict[str, float]:
        """Of the CPUs that this process may use; of all where the system does not say which."""
        rows = [line.split() for line in self._text("proc/stat").splitlines()]
        allowed = usable_cpus()
        every = {row[0]: [int(ticks) for ticks in row[1:]] for row in rows if row and row[0].startswith("cpu")}
        mine = [ticks for name, ticks in every.items() if name[3:].isdigit() and int(name[3:]) in allowed]
        if not mine:
            return self._portable_cpu_times_s()
        user, nice, system, idle, iowait, _, _, steal = ([*map(sum, zip(*mine, strict=True)), *[0] * 8])[:8]
        found = {"cpus": float(len(mine)), "busy_s": user + nice + system, "idle_s": idle + iowait, "steal_s": steal}
        found["all_s"] = sum(sum(ticks[:8]) for ticks in mine)
        runnable = [float(row[1]) for row in rows if row and row[0] == "procs_running"]
        return {**found, **({"runnable": runnable[0]} if runnable else {})}

    def _portable_cpu_times_s(self) -> dict[str, float]:
        times = psutil.cpu_times()
        busy_s = times.user + times.system + getattr(times, "nice", 0.0)
        return {
            "cpus": float(psutil.cpu_count() or 1),
            "busy_s": busy_s,
            "idle_s": times.idle,
            "all_s": busy_s + times.idle,
        }

    def _pressure_s(self) -> dict[str, float]:
        files = {f"pressure_{resource}": f"proc/pressure/{resource}" for resource in RESOURCES}
        files["cgroup_pressure_cpu"] = f"{self._cgroup}/cpu.pressure"
        found = {}
        for name, path in files.items():
            some = next((line for line in self._text(path).splitlines() if line.startswith("some")), "")
            if total_us := some.partition("total=")[2]:
                found[name] = int(total_us) / 1e6
        return found

    def _quota_periods(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for number, (throttled, periods) in enumerate(self._group.period_counts()):
            found |= {f"throttled_{number}": throttled, f"of_throttled_{number}": periods}
        return found

    def _text(self, path: str) -> str:
        try:
            return (self._root / path).read_text()
        except OSError:  # not there, or not ours to read
            return ""


def _unified(root: Path) -> str:
    """The own cgroup of version 2. In a container its path is that of the host, or the mount is the cgroup itself."""
    path = f"sys/fs/cgroup/{paths_of('self', root).get('', '')}".rstrip("/")
    return path if (root / path / "cpu.pressure").exists() else "sys/fs/cgroup"
