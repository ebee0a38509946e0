"""What the replicas are doing: their CPU, and the requests under way in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

import psutil


class CpuMeter:
    """Cores used by each process since it was asked before."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[float, float]] = {}

    def cores(self, now: float, pids: Iterable[int]) -> Mapping[int, float]:
        """By pid; a process that is new or gone is left out."""
        seen: dict[int, tuple[float, float]] = {}
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                times = psutil.Process(pid).cpu_times()
                seen[pid] = (now, times.user + times.system)
        before, self._before = self._before, seen
        return {
            pid: (used - before[pid][1]) / (at - before[pid][0])
            for pid, (at, used) in seen.items()
            if pid in before and at > before[pid][0]
        }


class InFlightMeter:
    """The mean of what was seen since it was asked before."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._samples = 0

    def record(self, in_flight: int) -> None:
        self._sum += in_flight
        self._samples += 1

    def mean(self) -> float | None:
        """None when nobody looked; starts afresh."""
        result = self._sum / self._samples if self._samples else None
        self._sum, self._samples = 0.0, 0
        return result
