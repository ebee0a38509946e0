"""Stays degraded for a known time after a burst: a service that drains a backlog.

With N = `burst_logins`, a burst lasts while N or more logins arrived in this process within the trailing
second; it ends one second after the arrival of the N-th newest login. From the instant the burst is seen
until `seconds` after its end, every login waits `delay_ms` before anything else happens to it: this costs
no CPU and holds no connection.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from target.faults.contract import Combine, Reading

WINDOW_S = 1.0


@dataclass
class SlowDrain:
    """All instants are CLOCK_MONOTONIC seconds, which processes of one machine share."""

    combine: ClassVar[Combine] = {"degraded_from": min, "degraded_until": max}

    seconds: float
    delay_ms: float = 400.0
    burst_logins: int = 50
    degraded_from: float | None = field(default=None, init=False)
    degraded_until: float | None = field(default=None, init=False)
    bursts: int = field(default=0, init=False)
    delayed: int = field(default=0, init=False)
    _newest: deque[float] = field(init=False, repr=False)
    _burst_until: float = field(default=float("-inf"), init=False, repr=False)

    def __post_init__(self) -> None:
        """Only the N newest arrivals matter: the burst ends when the oldest of them leaves the window."""
        self._newest = deque(maxlen=max(1, self.burst_logins))

    async def before_login(self) -> None:
        """Note the arrival; wait while degraded."""
        if self.arrival(time.monotonic()):
            self.delayed += 1
            await asyncio.sleep(self.delay_ms / 1000)

    def arrival(self, now: float) -> bool:
        """Whether a login arriving at `now` has to wait. Takes the time, so a test may give any."""
        self._newest.append(now)
        full = len(self._newest) == self._newest.maxlen
        if full and now - self._newest[0] < WINDOW_S:
            if now >= self._burst_until:
                self.bursts += 1
            if self.degraded_until is None or now >= self.degraded_until:
                self.degraded_from = now
            self._burst_until = self._newest[0] + WINDOW_S
            self.degraded_until = self._burst_until + self.seconds
        return self.degraded_until is not None and now < self.degraded_until

    def status(self) -> Mapping[str, Reading]:
        """The latest degradation (None before the first), and how many logins it delayed."""
        return {
            "degraded_from": self.degraded_from,
            "degraded_until": self.degraded_until,
            "bursts": self.bursts,
            "delayed": self.delayed,
        }
