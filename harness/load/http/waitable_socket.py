"""Waiting for a socket in the event loop, with a deadline.

Beneath gevent's sockets, whose every wait starts and stops a timer: here a socket has one alarm, which is set once
and looks, when it goes off, whether the deadline it was set for has moved on meanwhile. So a request in time costs
no timer at all.
"""

from __future__ import annotations

import _socket
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from gevent import get_hub, getcurrent

from harness.load.turns import turn_is_long

READ, WRITE = 1, 2
DEADLINE_TOLERANCE_S = 0.0005
"""An alarm that goes off this much before the deadline counts as in time: the loop's clock is coarse."""


class DeadlineError(Exception):
    """Thrown into the waiting greenlet at its deadline; whoever waits knows what it was waiting for."""


class WaitableSocket:
    """A socket of one connection, at which at most one greenlet waits at a time."""

    __slots__ = ("_alarm", "_alarm_s", "_deadline_s", "_hub", "_readable", "_waiting", "_writable", "raw")

    def __init__(self, family: int) -> None:
        self.raw = _socket.socket(family, _socket.SOCK_STREAM)
        self.raw.setblocking(False)
        self._hub: Any = get_hub()
        self._readable = self._hub.loop.io(self.raw.fileno(), READ)
        self._writable: Any = None
        self._waiting: Any = None
        self._deadline_s = math.inf
        self._alarm: Any = None
        self._alarm_s = math.inf

    def wait_readable(self, deadline_s: float) -> None:
        """Returns when there is something to read. Raises DeadlineError at the deadline (monotonic clock)."""
        self._wait(self._readable, deadline_s)

    def wait_writable(
        self, deadline_s: float, or_readable: bool = False, others: Sequence[WaitableSocket] = ()
    ) -> None:
        """Returns when the kernel takes bytes again; or also when the peer has something to say, or when one of
        ``others`` is writable.
        """
        loop = self._hub.loop
        watcher = loop.io(self.raw.fileno(), WRITE | READ if or_readable else WRITE)
        beside = [loop.io(other.raw.fileno(), WRITE) for other in others]
        try:
            for one in beside:
                one.start(getcurrent().switch)
            self._wait(watcher, deadline_s)
        finally:
            for one in (watcher, *beside):
                one.close()

    def watch(self, callback: Callable[[], None]) -> None:
        """From now on the event loop calls this whenever there is something to read, whoever waits; whoever waits for
        its own part uses :meth:`wait`, and is woken by :meth:`wake`.
        """
        self._readable.start(callback)

    def stop_watching(self) -> None:
        self._readable.stop()

    def watch_writable(self, callback: Callable[[], None]) -> None:
        """From now on the event loop calls this whenever the kernel takes bytes."""
        if self._writable is None:
            self._writable = self._hub.loop.io(self.raw.fileno(), WRITE)
            self._writable.start(callback)

    def stop_watching_writable(self) -> None:
        if self._writable is not None:
            self._writable.close()
            self._writable = None

    def wait(self, deadline_s: float) -> None:
        """Until somebody calls :meth:`wake`. Raises DeadlineError at the deadline."""
        self._wait(None, deadline_s)

    def wake(self) -> None:
        """To be called from the event loop."""
        if self._waiting is not None:
            self._waiting.switch()

    def interrupt(self) -> None:
        """Ends the wait of whoever waits now, as if its deadline had come. To be called from the event loop."""
        if self._waiting is not None:
            self._waiting.throw(DeadlineError())

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None
        self._readable.close()
        self.stop_watching_writable()
        self.raw.close()

    def _wait(self, watcher: Any, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        if deadline_s < self._alarm_s:
            self._set_alarm(deadline_s)
        self._waiting = current = getcurrent()
        if watcher is not None:
            watcher.start(current.switch)
        try:
            self._hub.switch()
        finally:
            self._waiting = None
            if watcher is not None:
                watcher.stop()

    def _set_alarm(self, due_s: float) -> None:
        if self._alarm is not None:
            self._alarm.close()
        self._alarm_s = due_s
        # It must not keep the loop alive when nothing else does.
        self._alarm = self._hub.loop.timer(max(0.0, due_s - time.monotonic()), ref=False)
        self._alarm.start(self._on_alarm, update=True)

    def _on_alarm(self) -> None:
        if turn_is_long():
            # Of ten thousand deadlines at one instant all alarms go off in one turn.
            self._hub.loop.run_callback(self._on_deadline)
        else:
            self._on_deadline()

    def _on_deadline(self) -> None:
        self._alarm_s = math.inf
        if self._waiting is None:
            return
        if time.monotonic() < self._deadline_s - DEADLINE_TOLERANCE_S:
            self._set_alarm(self._deadline_s)
        else:
            self._waiting.throw(DeadlineError())
