"""PhasedShape: a Locust shape that is a profile of named phases.

Alone in a locustfile, with stock users, ``tick()`` follows the profile's users over time the ordinary Locust way.
Attached to the harness with users that can be parked, it asks for the whole pool at once and stays constant, and
pacers make the load from the profile (spawn early, release on time).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import ClassVar

from locust import LoadTestShape

from shapes._profile import Profile


class PhasedShape(LoadTestShape):
    """Base class of every shape here. A concrete one gives ``options`` and ``profile()``."""

    abstract = True

    options: ClassVar[dict[str, str]] = {}
    """Attribute → help text. Each becomes a command-line flag, an environment variable and a field of the web form."""

    clock: Callable[[], float | None] | None = None
    """Set by the harness: seconds after the first phase began, None as long as it has not begun."""
    parked: bool = False
    """Set by the harness: users are parked and paced, so spawn the whole pool and keep it."""
    ended: bool = False
    """Set by the harness: every node has delivered its last report."""

    def profile(self) -> Profile:
        """The profile of the present option values."""
        raise NotImplementedError

    def problems(self) -> list[str]:
        """Everything that makes the present option values impossible, in words; empty when they are fine."""
        found = []
        for name in self.options:
            value = getattr(self, name)
            if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
                found.append(f"--{name.replace('_', '-')} {value}: give a number of 0 or more")
            elif name.endswith("_s") and not name.endswith("_per_s") and value != int(value):
                found.append(f"--{name.replace('_', '-')} {value}: give whole seconds")
        return found

    def reset_time(self) -> None:
        """Locust calls this at the start of each run; the one instance serves all runs of a session."""
        self.start_time = time.perf_counter()
        self.ended = False

    def tick(self) -> tuple[int, float] | None:
        """Users and spawn rate now, None at the end (Locust calls this about once a second)."""
        profile = self.profile()
        if self.ended:
            return None
        if self.parked:
            return profile.pool_users, profile.pool_users
        t = time.perf_counter() - self.start_time if self.clock is None else self.clock()
        if t is None:
            t = 0.0
        if t >= profile.duration_s:
            return None
        # The rate is the peak, so that a step is asked for in one go; Locust spawns on a grid of one second anyway.
        return round(profile.users.at(t)), max(1.0, profile.users.peak)
