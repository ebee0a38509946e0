"""Active users, the closed model: level(t) users go round and round, the others stay parked.

No user is spawned or stopped, so the number follows the level at any sharpness. A user who is no longer wanted ends
its iteration first; the number of *started* iterations therefore follows a fall at once, the number under way later.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakSet

import gevent
from gevent import getcurrent

from harness.load.clock import Clock
from harness.load.mix import Queues, counts_of_beginnings
from harness.load.pacing import Slot, Start


class ActiveUsers:
    """Lets so many users of this node be active as ``changes`` says: (seconds after the origin, number). ``kinds`` are
    the classes of users in the order in which they become active.
    """

    def __init__(
        self, changes: Iterator[tuple[float, int]], origin_s: float, clock: Clock, kinds: Sequence[str] = ()
    ) -> None:
        self._changes = changes
        self._origin_s = origin_s
        self._clock = clock
        self._targets = counts_of_beginnings(kinds)
        """Element n: how many of each kind are active when n are."""
        self._target = self._targets[0]
        self._active: dict[Any, str] = {}
        """Greenlet → kind, of the users that are in an iteration."""
        self._active_of: Counter[str] = Counter()
        self._watched: WeakSet[Any] = WeakSet()
        """Users whose end has a listener."""
        self._parked: Queues[Slot] = Queues()
        self._user_of: dict[Slot, Any] = {}
        """Greenlets of the parked users."""

    def park(self, slot: Slot) -> None:
        """The calling user parks: for the first time, or because its iteration has ended."""
        user = getcurrent()
        self._ended(user)
        if self._active_of[slot.kind] < self._target[slot.kind]:
            now_s = time.monotonic()
            self._start(slot, user, self._clock.to_master(now_s) - self._origin_s, now_s)
        else:
            self._user_of[slot] = user
            self._parked.add(slot.kind, slot)

    def remove(self, slot: Slot) -> None:
        self._parked.discard(slot.kind, slot)
        self._user_of.pop(slot, None)

    @property
    def active(self) -> int:
        """Users that are in an iteration, or get ready for the next one."""
        return len(self._active)

    def has_starts_left(self, kind: str) -> bool:  # noqa: ARG002
        return True

    def run(self) -> None:
        for t, target in self._changes:
            intended_s = self._clock.to_local(self._origin_s + t)
            left_s = intended_s - time.monotonic()
            if left_s > 0:
                gevent.sleep(left_s)
            self._target = self._targets[min(target, len(self._targets) - 1)]
            self._fill(t, intended_s)

    def _on_user_stopped(self, user: Any) -> None:
        """A user was stopped in mid-iteration: its place goes to another."""
        self._ended(user)
        now_s = time.monotonic()
        self._fill(self._clock.to_master(now_s) - self._origin_s, now_s)

    def _ended(self, user: Any) -> None:
        kind = self._active.pop(user, None)
        if kind is not None:
            self._active_of[kind] -= 1

    def _fill(self, t: float, intended_s: float) -> None:
        for kind, wanted in self._target.items():
            while self._active_of[kind] < wanted and (slot := self._parked.take(kind)) is not None:
                self._start(slot, self._user_of.pop(slot), t, intended_s)

    def stop(self, t: float) -> None:  # noqa: ARG002
        """No iteration begins any more; those under way come to their end."""
        self._target = self._targets[0]

    def unserved(self) -> Counter[tuple[int, str]]:
        """None: in the closed model nobody waits for a user."""
        return Counter()

    def clear(self) -> None:
        """Nothing is waiting."""

    def _start(self, slot: Slot, user: Any, t: float, intended_s: float) -> None:
        self._active[user] = slot.kind
        self._active_of[slot.kind] += 1
        if user not in self._watched:
            self._watched.add(user)
            user.link(self._on_user_stopped)
        slot.release(Start(t, intended_s))
