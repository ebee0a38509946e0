"""PostgreSQL servers by their data directory: Patroni starts them, so they are nobody's children that we would know.

For Linux, as all of what needs it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

from target.stack.identity import Identity, identify

EXECUTABLE = "postgres"
IPC_RMID = 0


def postmaster(data_directory: Path) -> Identity | None:
    """The postmaster that runs on this directory; None when there is none (its pid file may be a leftover)."""
    try:
        pid = int((data_directory / "postmaster.pid").read_text().split("\n", 1)[0])
        return identify(pid) if _serves(pid, {str(data_directory)}) else None
    except (OSError, ValueError, psutil.Error):
        return None


def servers(data_directories: Collection[Path]) -> list[Identity]:
    """The postmasters first, then every backend, also of a postmaster that is gone; [] when nothing runs there."""
    if not data_directories:
        return []
    names = {str(directory) for directory in data_directories}
    found: dict[int, int] = {}
    for pid in psutil.pids():
        with suppress(psutil.Error, OSError):
            if _serves(pid, names):
                found[pid] = psutil.Process(pid).ppid()
    in_order = sorted(found, key=lambda pid: (found[pid] in found, pid))
    return [identity for identity in map(identify, in_order) if identity is not None]


def remove_shared_memory(data_directory: Path) -> None:
    """That of a server which was killed and not started again: 56 bytes, but they would stay until the next boot."""
    with suppress(OSError, ValueError, IndexError):
        lines = (data_directory / "postmaster.pid").read_text().splitlines()  # one that ended by itself removes it
        ctypes.CDLL(None).shmctl(int(lines[6].split()[1]), IPC_RMID, None)


def _serves(pid: int, data_directories: Collection[str]) -> bool:
    """A server's working directory is its data directory; somebody's shell in there is no server."""
    process = Path("/proc", str(pid))
    return str((process / "cwd").readlink()) in data_directories and (process / "exe").readlink().name == EXECUTABLE
