"""Is that still the same process? A pid alone may have been given to somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Identity:
    """A pid and its start: on Linux clock ticks since boot, so that setting the clock changes nothing."""

    pid: int
    started: float

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            return _started(process) == self.started and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def identify(pid: int) -> Identity | None:
    """The identity of the process that has `pid` now; None when there is none."""
    try:
        return Identity(pid, _started(psutil.Process(pid)))
    except psutil.NoSuchProcess:
        return None


def _started(process: psutil.Process) -> float:
    try:
        text = Path(f"/proc/{process.pid}/stat").read_bytes()
        return float(text.rpartition(b")")[2].split()[19])  # field 22, in clock ticks
    except FileNotFoundError:
        return process.create_time()  # no /proc on macOS
    except ProcessLookupError as error:
        raise psutil.NoSuchProcess(process.pid) from error
