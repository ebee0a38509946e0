"""Arrivals, the open model: starts come from the schedule, whatever the response times.

An arrival whose class of users has none free waits for one, and its latency still counts from when it was due, but how
long it has waited is told, too; one that never finds one is counted as unserved, never lost silently.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

import gevent

from harness.load.clock import Clock
from harness.load.mix import Queues
from harness.load.pacing import Slot, Start
from harness.recording.marks import ARRIVALS

SHORTEST_SLEEP_S = 0.001
"""Starts closer together than this share a wake-up of the pacer, which halves its CPU at 2,000 starts a second."""


class Arrivals:
    """Starts free users when they are due. ``due`` is this node's part of the schedule, seconds after the origin.
    ``kinds`` are the classes of users in the order in which arrivals go to them, round and round. ``note_due`` hears of
    each that is due: (seconds after the origin, class).
    """

    def __init__(
        self,
        due: Iterator[float],
        origin_s: float,
        clock: Clock,
        kinds: Sequence[str] = ("",),
        note_due: Callable[[float, str], None] = lambda _t, _kind: None,
    ) -> None:
        self._due = due
        self._origin_s = origin_s
        self._clock = clock
        self._kinds = cycle(kinds)
        self._note_due = note_due
        self._parked: Queues[Slot] = Queues()
        self._overdue: Queues[Start] = Queues()
        self._overdue_in: Counter[tuple[int, str]] = Counter()
        """(second, class) → how many of these were due, counted as they come and go: there may be a hundred thousand.
        """
        self._next_due_s: float | None = None
        """The next one due, taken from the schedule and not yet started."""

    def park(self, slot: Slot) -> None:
        start = self._overdue.take(slot.kind)
        if start is not None:
            self._count_overdue(start, slot.kind, -1)
            start.waited_s = time.monotonic() - start.intended_s
            slot.release(start)
        else:
            self._parked.add(slot.kind, slot)

    def remove(self, slot: Slot) -> None:
        self._parked.discard(slot.kind, slot)

    def has_starts_left(self, kind: str) -> bool:  # noqa: ARG002
        return True

    def run(self) -> None:
        while (due_s := self._peek_due()) is not None:
            left_s = self._clock.to_local(self._origin_s + due_s) - time.monotonic()
            if left_s > 0:
                gevent.sleep(max(left_s, SHORTEST_SLEEP_S))
            self._start(due_s)

    def stop(self, t: float) -> None:
        """Nothing after ``t`` is started; what was due before is, at once: a late pacer must not swallow it."""
        while (due_s := self._peek_due()) is not None and due_s < t:
            self._start(due_s)

    def _peek_due(self) -> float | None:
        if self._next_due_s is None:
            self._next_due_s = next(self._due, None)
        return self._next_due_s

    def _start(self, due_s: float) -> None:
        self._next_due_s = None
        start = Start(due_s, self._clock.to_local(self._origin_s + due_s), stream=ARRIVALS)
        kind = next(self._kinds)
        self._note_due(due_s, kind)
        # First in, first out: every connection is used in turn and none idles until the server closes it.
        slot = self._parked.take(kind)
        if slot is not None:
            slot.release(start)
        else:
            self._overdue.add(kind, start)
            self._count_overdue(start, kind, 1)

    def _count_overdue(self, start: Start, kind: str, change: int) -> None:
        key = int(start.t // 1), kind
        self._overdue_in[key] += change
        if not self._overdue_in[key]:
            del self._overdue_in[key]

    def unserved(self) -> Counter[tuple[int, str]]:
        """(second, class) → arrivals that were due and are still waiting for a user."""
        return self._overdue_in

    def clear(self) -> None:
        self._overdue.clear()
        self._overdue_in.clear()
