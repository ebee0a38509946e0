"""How much memory a process can have at most, and how often its cgroup ran out of it. Linux; elsewhere the machine's.

Sources: Documentation/admin-guide/cgroup-v2.rst (``memory.max``, ``memory.events``) and cgroup-v1/memory.rst
(``memory.limit_in_bytes``, ``memory.oom_control``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path("/")


class MemoryBounds:
    """Of the process ``pid``, which is in its cgroup for good. ``root`` stands in for the root of the file system."""

    def __init__(self, pid: int, root: Path = ROOT) -> None:
        directories = list(_directories(pid, root))
        machine_bytes = psutil.virtual_memory().total
        set_bytes = [
            value
            for directory in directories
            for name in ("memory.max", "memory.limit_in_bytes")
            if (value := _number(directory / name)) is not None
        ]
        self.limit_bytes = float(min([machine_bytes, *set_bytes]))
        """The least of the machine's memory and of what the cgroup and those around it may have."""
        self._events = next(
            (
                path
                for directory in directories[:1]
                for path in (directory / "memory.events", directory / "memory.oom_control")
                if _oom_kills(path) is not None
            ),
            None,
        )

    def oom_kills(self) -> float | None:
        """Processes of its cgroup that the kernel has killed for want of memory so far; None where that is not told."""
        return None if self._events is None else _oom_kills(self._events)


def _directories(pid: int, root: Path) -> Iterator[Path]:
    """The directory of its memory cgroup, then of those around it. In a container the path is that of the host, or the
    mount is the cgroup itself.
    """
    try:
        rows = [line.split(":", 2) for line in (root / f"proc/{pid}/cgroup").read_text().splitlines()]
    except OSError:
        return
    paths = {name: row[2].strip("/") for row in rows if len(row) == 3 for name in row[1].split(",")}
    for name, mount in (("", "sys/fs/cgroup"), ("memory", "sys/fs/cgroup/memory")):
        if name not in paths:
            continue
        parts = [part for part in paths[name].split("/") if part]
        for depth in range(len(parts), -1, -1):
            directory = root.joinpath(mount, *parts[:depth])
            if any((directory / file).exists() for file in ("memory.max", "memory.events", "memory.limit_in_bytes")):
                yield directory


def _number(path: Path) -> int | None:
    """None for ``max``, and where it cannot be read."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _oom_kills(path: Path) -> float | None:
    try:
        rows = dict(line.split()[:2] for line in path.read_text().splitlines() if len(line.split()) > 1)
        return float(rows["oom_kill"])
    except (OSError, KeyError, ValueError):
        return None
