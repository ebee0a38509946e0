"""The vital signs of a load process: how late its event loop is, and how much CPU and memory it takes.

A load generator that is out of breath measures itself and not the target, so both are recorded every second; and so
is how busy its machine is, because others may leave it too little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gevent
import psutil

from harness.load.machine_reader import MachineReader

CHECK_INTERVAL_S = 0.02
"""A stall is noticed when it is longer than this, and understated by this much at most."""


@dataclass(frozen=True)
class GeneratorSample:
    """Of the second that ended at ``monotonic_s``."""

    monotonic_s: float
    loop_lag_s: float
    """Largest delay with which a timer fired."""
    cpu_ratio: float
    """CPU time of this process ÷ elapsed time; 1.0 = one core."""
    rss_bytes: int
    users: int | None
    """That are there, where users set the pace; else None."""
    machine: Mapping[str, float] = field(default_factory=dict)
    """See :meth:`~harness.load.machine_reader.MachineReader.read`; empty where another process of the machine tells."""


class GeneratorMonitor:
    """Measures in a greenlet; ``take()`` hands over what came since the last call. One process a machine tells of it:
    the one with ``of_machine``.
    """

    def __init__(self, of_machine: bool, count_users: Callable[[], int | None]) -> None:
        self._machine = MachineReader() if of_machine else None
        self._count_users = count_users
        self._samples: list[GeneratorSample] = []
        self._greenlet: gevent.Greenlet[..., Any] | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()

    def take(self) -> list[GeneratorSample]:
        samples, self._samples = self._samples, []
        return samples

    def _run(self) -> None:
        process = psutil.Process()
        since_s, lag_s = time.monotonic(), 0.0
        cpu_s = _cpu_s(process)
        while True:
            due_s = time.monotonic() + CHECK_INTERVAL_S
            gevent.sleep(CHECK_INTERVAL_S)
            now_s = time.monotonic()
            lag_s = max(lag_s, now_s - due_s)
            if now_s - since_s >= 1.0:
                used_s = _cpu_s(process)
                elapsed_s = now_s - since_s
                self._samples.append(
                    GeneratorSample(
                        monotonic_s=now_s,
                        loop_lag_s=lag_s,
                        cpu_ratio=(used_s - cpu_s) / elapsed_s,
                        rss_bytes=process.memory_info().rss,
                        users=self._count_users(),
                        machine={} if self._machine is None else self._machine.read(),
                    )
                )
                since_s, lag_s, cpu_s = now_s, 0.0, used_s


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
