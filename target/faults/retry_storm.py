"""Logins wait for their turn in a queue, first come, first served, and each has its turn although nobody waits for it
any more: what clients that give up and try again turn into a failure that outlasts its cause.

With λ logins a second of clients that try R times more, the queue stays for good once it is longer than their time-out
if λ(1 + R) > `per_s` (Bronson et al., *Metastable failures in distributed systems*, HotOS 2021). It costs no CPU.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from target.faults.contract import Combine, Reading

LOOK_S = 0.25
"""So often who waits looks whether the fault is still on."""


@dataclass
class RetryStorm:
    """Serves `per_s` logins a second in each process; of more than `bound` that wait (0: any number) it takes none."""

    combine: ClassVar[Combine] = {"longest": max}

    per_s: float
    bound: int = 0
    waiting: int = field(default=0, init=False)
    longest: int = field(default=0, init=False)
    served: int = field(default=0, init=False)
    turned_away: int = field(default=0, init=False)
    _free_s: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuses a rate at which nobody would ever be served."""
        if self.per_s <= 0:
            raise ValueError("per_s must be more than 0")
        if self.bound < 0:
            raise ValueError("bound must be 0 or more")

    def joins(self, now: float) -> float | None:
        """When the login that arrives now has had its turn; None: the queue is full. Takes the time, so a test may give
        any.
        """
        if self.bound and self.waiting >= self.bound:
            self.turned_away += 1
            return None
        self._free_s = max(now, self._free_s) + 1 / self.per_s
        self.waiting += 1
        self.longest = max(self.longest, self.waiting)
        return self._free_s

    async def turn(self, is_on: Callable[[], bool]) -> bool:
        """Waits for it, or until the fault is off. False: the queue is full."""
        done_s = self.joins(time.monotonic())
        if done_s is None:
            return False
        try:
            while is_on() and (left_s := done_s - time.monotonic()) > 0:
                await asyncio.sleep(min(left_s, LOOK_S))
        finally:
            self.waiting -= 1
        self.served += 1
        return True

    def status(self) -> Mapping[str, Reading]:
        """Logins that wait now, the most that ever did, those that had their turn, and those that were refused it."""
        return {
            "waiting": self.waiting,
            "longest": self.longest,
            "served": self.served,
            "turned_away": self.turned_away,
        }
