"""Control groups of Linux, of version 2 and of version 1: the files of a group, and what they say of it.

Sources: Documentation/admin-guide/cgroup-v2.rst; for version 1 cgroup-v1/memory.rst and cgroup-v1/cpuacct.rst; for the
quota of CPU time scheduler/sched-bwc.rst. ``root`` stands in for the root of the file system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

ROOT = Path("/")
MOUNT = "sys/fs/cgroup"


class ControlGroup:
    """One group, with those around it, since a limit may be set on any of them. ``paths`` are those below the mounts by
    controller of version 1; the key of version 2 is empty. A figure that is not told is None.
    """

    def __init__(self, paths: Mapping[str, str], root: Path = ROOT) -> None:
        self._memory = list(_directories(paths, root, "memory", "memory.max", "memory.events", "memory.limit_in_bytes"))
        self._cpu = list(_directories(paths, root, "cpu", "cpu.stat"))
        self._cpu_time = list(_directories(paths, root, "cpuacct", "cpuacct.usage"))[:1] or self._cpu[:1]
        members = [*self._memory[:1], *self._cpu[:1], *_directories(paths, root, "", "cgroup.procs")]
        self._members = next((each for each in members if (each / "cgroup.procs").exists()), None)

    @staticmethod
    def of_process(pid: int | str, root: Path = ROOT) -> ControlGroup:
        """That of the process ``pid``, or of ``self``. It stays there for good, as a rule."""
        return ControlGroup(paths_of(pid, root), root)

    @staticmethod
    def named(path: str, root: Path = ROOT) -> ControlGroup | None:
        """That with this path below the mount, ``system.slice/nginx.service``; None where there is none."""
        parts = [part for part in path.split("/") if part]
        if ".." in parts or not any(root.joinpath(MOUNT, mount, *parts).is_dir() for mount in ("", "memory", "cpu")):
            return None
        return ControlGroup(dict.fromkeys(("", "memory", "cpu", "cpuacct"), "/".join(parts)), root)

    def pids(self) -> list[int]:
        """Of its processes, with those of groups within it."""
        lists = () if self._members is None else self._members.rglob("cgroup.procs")
        return [int(word) for each in lists for word in _text(each).split() if word.isdigit()]

    def memory_limit_bytes(self) -> float:
        """The least of the machine's memory and of what it and those around it may have."""
        names = ("memory.max", "memory.limit_in_bytes")
        limits = [value for each in self._memory for name in names if (value := _number(each / name)) is not None]
        return float(min([psutil.virtual_memory().total, *limits]))

    def memory_working_set_bytes(self) -> float | None:
        """What cannot be had back without more ado: use less the file cache that was not used of late, as the kubelet
        has it (``setMemoryStats`` in container/libcontainer/handler.go of cAdvisor). None for the root of all groups.
        """
        for directory in self._memory[:1]:
            for usage, inactive in (
                ("memory.current", "inactive_file"),
                ("memory.usage_in_bytes", "total_inactive_file"),
            ):
                used = None if _is_root(directory) else _number(directory / usage)
                if used is not None:
                    return max(0.0, used - _rows(directory / "memory.stat").get(inactive, 0.0))
        return None

    def oom_kills(self) -> float | None:
        """Processes of it that the kernel has killed for want of memory so far."""
        found = (
            _rows(directory / name).get("oom_kill")
            for directory in self._memory[:1]
            for name in ("memory.events", "memory.oom_control")
        )
        return next((each for each in found if each is not None), None)

    def cpu_s(self) -> float | None:
        """CPU time that it has used. None for the root of all groups."""
        for directory in self._cpu_time:
            if not _is_root(directory):
                used_ns, used_us = _number(directory / "cpuacct.usage"), _rows(directory / "cpu.stat").get("usage_usec")
                return used_ns / 1e9 if used_ns is not None else None if used_us is None else used_us / 1e6
        return None

    def cpu_limit_cores(self) -> float | None:
        """The least that it and those around it may use; 0 where there is no quota."""
        if not self._cpu:
            return None
        return min((cores for directory in self._cpu if (cores := _quota_cores(directory)) is not None), default=0.0)

    def throttling(self) -> dict[str, float]:
        """``periods`` of its quota in which something wanted to run, ``throttled_periods`` in which it was used up, and
        ``throttled_s``, added up over CPUs: all since it was made. Of the group with the least quota of those around
        it; empty without any.
        """
        with_quota = [(cores, each) for each in self._cpu if (cores := _quota_cores(each)) is not None]
        if not with_quota:
            return {}
        rows = _rows(min(with_quota, key=lambda pair: pair[0])[1] / "cpu.stat")
        if "nr_periods" not in rows or "nr_throttled" not in rows:
            return {}
        throttled_s = rows.get("throttled_time", 0.0) / 1e9 + rows.get("throttled_usec", 0.0) / 1e6
        return {
            "periods": rows["nr_periods"],
            "throttled_periods": rows["nr_throttled"],
            "throttled_s": throttled_s,
        }

    def period_counts(self) -> list[tuple[float, float]]:
        """Periods with the quota used up, and all, of it and of each group around it that counts them."""
        rows = [_rows(directory / "cpu.stat") for directory in self._cpu]
        return [
            (each["nr_throttled"], each["nr_periods"]) for each in rows if {"nr_throttled", "nr_periods"} <= {*each}
        ]


def paths_of(pid: int | str, root: Path = ROOT) -> dict[str, str]:
    """Controller → path of the group of a process, as proc(5) tells; empty where it does not."""
    rows = [line.split(":", 2) for line in _text(root / f"proc/{pid}/cgroup").splitlines()]
    return {name: row[2].strip("/") for row in rows if len(row) == 3 for name in row[1].split(",")}


def _directories(paths: Mapping[str, str], root: Path, controller: str, *files: str) -> Iterator[Path]:
    """That of the group, then of those around it, where one of the files is. In a container the path is that of the
    host, or the mount is the group itself; one that leads out of the mount cannot be seen.
    """
    for name, mount in (("", MOUNT), (controller, f"{MOUNT}/{controller}".rstrip("/"))):
        parts = [part for part in paths.get(name, "").split("/") if part]
        if name not in paths or ".." in parts:
            continue
        for depth in range(len(parts), -1, -1):
            directory = root.joinpath(mount, *parts[:depth])
            if any((directory / file).exists() for file in files):
                yield directory
        if not controller:
            return


def _is_root(directory: Path) -> bool:
    """Of all groups, whose figures are the machine's: only there version 1 has the one file, version 2 not the
    other.
    """
    if any((directory / name).exists() for name in ("memory.usage_in_bytes", "cpuacct.usage")):
        return (directory / "release_agent").exists()
    return not (directory / "cgroup.type").exists()


def _quota_cores(directory: Path) -> float | None:
    quota_us, _, period_us = _text(directory / "cpu.max").partition(" ")
    if not quota_us:
        quota_us, period_us = _text(directory / "cpu.cfs_quota_us"), _text(directory / "cpu.cfs_period_us")
    try:
        quota, period = float(quota_us), float(period_us)
    except ValueError:  # "max"
        return None
    return quota / period if quota > 0 and period > 0 else None


def _rows(path: Path) -> dict[str, float]:
    pairs = [line.split() for line in _text(path).splitlines()]
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _number(path: Path) -> int | None:
    """None for ``max``, and where it cannot be read."""
    try:
        return int(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # not there, or not ours to read
        return ""
