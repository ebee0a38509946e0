"""How many users are parked for a step of ``springback find-limit``: as many as there are starts that wait."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.config.machine_limits import need_of
from harness.load.descriptors import most_connections, shortage
from shapes._classes import pool_for
from shapes._profile import ARRIVALS

BEYOND_LIMIT = 1.25
"""The pool has users for a latency so many times the limit, where the shape would have fewer."""
MOST_WAITING = 10_000
"""Users for starts that wait while a service is down: each is a connection."""


@dataclass(frozen=True)
class Pool:
    """With fewer users than wait, what is beyond a limit would be seen as a lack of users, and not as the service's."""

    latency_s: float
    """The longest limit of a latency; 0 where none is judged."""
    held_s: float
    """For which the level is held."""
    base_per_s: float
    """Starts after the spike."""
    recovery_s: float | None
    """The longest that may be; None where none is judged."""
    processes: int | None
    """Load processes on this machine; None where they are elsewhere."""

    def users(self, level: float) -> int:
        """At a level in starts/s. Where a recovery is judged, for those who wait in a spike in which nobody is answered
        until its limit, as far as this machine can open a connection for each.
        """
        slow = level * (BEYOND_LIMIT * self.latency_s + 1) if self.latency_s else 0.0
        room = math.inf if self.processes is None else most_connections(self.processes)
        return max(pool_for(level, ARRIVALS), math.ceil(slow), math.floor(min(self._waiting(level), room)))

    def lacking(self, level: float) -> str:
        """What this machine lacks for all who may wait at that level, and what to do; empty where it lacks nothing."""
        waiting = self._waiting(level)
        short = None if self.processes is None else shortage(waiting, self.processes)
        return f"only {self.users(level):,} of {waiting:,} users who may wait are parked: {short}" if short else ""

    def _waiting(self, level: float) -> int:
        """Starts of a spike, and of the base load after it until the longest recovery that may be; 0 where none is."""
        if self.recovery_s is None:
            return 0
        return math.ceil(min(MOST_WAITING, level * self.held_s + self.base_per_s * self.recovery_s))


def processes_of(arguments: Sequence[str]) -> int | None:
    """Load processes that a run with these words has on this machine; None where they are started elsewhere."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--master", action="store_true")
    need = need_of(parser.parse_known_args(list(arguments))[0], 0, "")
    return None if need is None else need.processes
