"""Active users, the closed model: level(t) users go round and round, the others stay parked.

No user is spawned or stopped, so the number follows the level at any sharpness. A user who is no longer wanted ends
its iteration first; the number of *started* iterations therefore follows a fall at once, the number under way later.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

import gevent
from gevent import getcurrent

from harness.load.clock import Clock
from harness.load.pacing import Slot, Start


class ActiveUsers:
    """Lets so many users of this node be active as ``changes`` says: (seconds after the origin, number)."""

    def __init__(self, changes: Iterator[tuple[float, int]], origin_s: float, clock: Clock) -> None:
        self._changes = changes
        self._origin_s = origin_s
        self._clock = clock
        self._target = 0
        self._active: set[Any] = set()
        """Greenlets of the users that are in an iteration."""
        self._watched: WeakSet[Any] = WeakSet()
        """Users whose end has a listener."""
        self._parked: dict[Slot, Any] = {}
        """Slot → greenlet of its user, in the order in which they parked."""

    def park(self, slot: Slot) -> None:
        """The calling user parks: for the first time, or because its iteration has ended."""
        user = getcurrent()
        self._active.discard(user)
        if len(self._active) < self._target:
            now_s = time.monotonic()
            self._start(slot, user, self._clock.to_master(now_s) - self._origin_s, now_s)
        else:
            self._parked[slot] = user

    def remove(self, slot: Slot) -> None:
        self._parked.pop(slot, None)

    @property
    def has_starts_left(self) -> bool:
        return True

    def run(self) -> None:
        for t, target in self._changes:
            intended_s = self._clock.to_local(self._origin_s + t)
            left_s = intended_s - time.monotonic()
            if left_s > 0:
                gevent.sleep(left_s)
            self._target = target
            self._fill(t, intended_s)

    def _on_user_stopped(self, user: Any) -> None:
        """A user was stopped in mid-iteration: its place goes to another."""
        self._active.discard(user)
        now_s = time.monotonic()
        self._fill(self._clock.to_master(now_s) - self._origin_s, now_s)

    def _fill(self, t: float, intended_s: float) -> None:
        while self._parked and len(self._active) < self._target:
            slot = next(iter(self._parked))
            self._start(slot, self._parked.pop(slot), t, intended_s)

    def stop(self, t: float) -> None:  # noqa: ARG002
        """No iteration begins any more; those under way come to their end."""
        self._target = 0

    def unserved(self) -> list[Start]:
        """None: in the closed model nobody waits for a user."""
        return []

    def clear(self) -> None:
        """Nothing is waiting."""

    def _start(self, slot: Slot, user: Any, t: float, intended_s: float) -> None:
        self._active.add(user)
        if user not in self._watched:
            self._watched.add(user)
            user.link(self._on_user_stopped)
        slot.release(Start(t, intended_s))
