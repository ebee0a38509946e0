"""Real control groups, of whichever version this machine has, with limits; and why there can be none."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000


@dataclass(frozen=True)
class Group:
    path: str
    """Below the mount."""
    directories: tuple[Path, ...]

    def add(self, pid: int) -> None:
        for each in self.directories:
            (each / "cgroup.procs").write_text(str(pid))

    def limit_cores(self, cores: float) -> None:
        """From now on."""
        quota_us = int(cores * PERIOD_US)
        self.limit({"cpu.max": f"{quota_us} {PERIOD_US}", "cpu.cfs_quota_us": quota_us})

    def limit(self, values: Mapping[str, object]) -> None:
        """By the files of either version."""
        for directory in self.directories:
            for file, value in values.items():
                if (directory / file).exists():
                    (directory / file).write_text(str(value))


def obstacle() -> str:
    """Why no group with limits can be made here; empty where one can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "control groups are made by root"
    if not os.access(MOUNT / "memory" if (MOUNT / "memory").is_dir() else MOUNT, os.W_OK):
        return "/sys/fs/cgroup is not writable"
    if _is_version_2():
        on = (MOUNT / "cgroup.subtree_control").read_text().split()
        return "" if {"memory", "cpu"} <= set(on) else "memory and cpu are not handed down in cgroup.subtree_control"
    there = [(MOUNT / name).is_dir() for name in ("memory", "cpu", "cpuacct")]
    return "" if all(there) else "memory and cpu are not mounted at /sys/fs/cgroup"


@contextmanager
def group(memory_bytes: int, cores: float) -> Iterator[Group]:
    """Removed at the end; whoever is in it then is moved out."""
    name = f"springback-{uuid.uuid4().hex[:8]}"
    tops = (MOUNT,) if _is_version_2() else tuple(MOUNT / name for name in ("memory", "cpu", "cpuacct"))
    made = Group(name, tuple(top / name for top in tops))
    limits = {"memory.max": memory_bytes, "memory.swap.max": 0, "memory.limit_in_bytes": memory_bytes}
    try:
        for directory in made.directories:
            directory.mkdir()
        made.limit(limits)
        made.limit_cores(cores)
        yield made
    finally:
        for directory in made.directories:
            for pid in (directory / "cgroup.procs").read_text().split():
                (directory.parent / "cgroup.procs").write_text(pid)
            directory.rmdir()


def _is_version_2() -> bool:
    return (MOUNT / "cgroup.controllers").exists()
