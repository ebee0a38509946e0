"""Sends of a herd, all at one instant: nothing but system calls in a tight loop, which two threads share.

Nearly all of a send is the kernel's work, for which Python lets other threads go on: so two share the loop, where there
is a core for each.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from gevent.monkey import get_original

from harness.load.machine_reader import usable_cores
from harness.load.pacing import Start
from harness.load.real_time import RealTime

LONGEST_RELEASE_S = 0.1
"""After which whatever else is due in the event loop has a turn: thousands of connections take longer."""
SPIN_S = 0.0002
"""The last stretch before the instant is slept outside of the event loop, and only the very last one is spent looking
at the clock: who has just slept is not the next to be preempted."""

_sleep_outside_loop = get_original("time", "sleep")
_start_thread = get_original("_thread", "start_new_thread")


class Send:
    """Of one user: nothing of Python is left to do at the instant that could be done before or afterwards."""

    __slots__ = ("begin", "outcome", "sent_s", "start")
    begin: Callable[[], int]
    """As in :class:`GateConnection`, of one that has a connection."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.outcome: int | None = None
        """As in :meth:`GateConnection.note_begun`."""
        self.sent_s = 0.0


class SendsAtOnce:
    """Made by two threads, each of which takes what is next, where there are cores for both."""

    def __init__(self, sends: Iterable[Send], instant_s: float, real_time: RealTime) -> None:
        """``real_time``: entered."""
        self._left = iter(sends)
        self._instant_s = instant_s
        self._real_time = real_time
        self._second_is_sending = False

    def make(self) -> None:
        """Returns when all are made. Other greenlets have a turn now and then, while the second thread goes on."""
        if usable_cores() > 1:
            # Where the system gives no thread any more, one does it. One that comes too late finds nothing left.
            with suppress(RuntimeError):
                _start_thread(self._make_beside, ())
        try:
            while not self._make_some(LONGEST_RELEASE_S):
                self._real_time.wait_a_turn()
        finally:
            self._make_some()  # the rest, where the gate was stopped in such a turn
            while self._second_is_sending:  # its last one
                _sleep_outside_loop(SPIN_S)

    def _make_beside(self) -> None:
        with RealTime():
            self._second_is_sending = True
            try:
                self._make_some()
            finally:
                self._second_is_sending = False

    def _make_some(self, within_s: float = math.inf) -> bool:
        """Whether that is all; else the time is over."""
        _sleep_outside_loop(max(0.0, self._instant_s - time.monotonic() - SPIN_S))
        while (now_s := time.monotonic()) < self._instant_s:
            pass
        until_s = now_s + within_s
        for send in self._left:
            try:
                send.outcome = send.begin()
            except OSError:
                continue
            send.sent_s = time.monotonic()
            if send.sent_s > until_s:
                return False
        return True
