"""PostgreSQL servers by their data directory: Patroni starts them, so they are nobody's children that we would know."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

from target.stack.identity import Identity, identify

EXECUTABLE = "postgres"


def postmaster(data_directory: Path) -> Identity | None:
    """The postmaster that runs on this directory; None when there is none (its pid file may be a leftover)."""
    try:
        pid = int((data_directory / "postmaster.pid").read_text().split("\n", 1)[0])
        return identify(pid) if _serves(psutil.Process(pid), {str(data_directory)}) else None
    except (OSError, ValueError, psutil.Error):
        return None


def servers(data_directories: Collection[Path]) -> list[Identity]:
    """The postmasters first, then every backend, also of a postmaster that is gone; [] when nothing runs there."""
    if not data_directories:
        return []
    names = {str(directory) for directory in data_directories}
    found: dict[int, int] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if _serves(process, names):
                found[process.pid] = process.ppid()
    in_order = sorted(found, key=lambda pid: (found[pid] in found, pid))
    return [identity for identity in map(identify, in_order) if identity is not None]


def _serves(process: psutil.Process, data_directories: Collection[str]) -> bool:
    """A server's working directory is its data directory; somebody's shell in there is no server."""
    return process.cwd() in data_directories and Path(process.exe()).name == EXECUTABLE
