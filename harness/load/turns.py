"""Turns of the event loop: a long one holds up every timer of the process, and whatever these measure.

The loop calls, one after another, all that has become ready at once, and looks at its timers only when it is through:
ten thousand connections that are accepted in one moment are seconds of work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent import get_hub

LONGEST_TURN_S = 0.03


class _Turn:
    """Of one event loop. Its own ``now()`` does not tell when the turn began: every timer that is set moves it on."""

    __slots__ = ("began_s", "loop", "watcher")

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self.began_s = time.monotonic()
        # Called first of all that has become ready; it must not keep the loop alive when nothing else does.
        self.watcher = loop.check(ref=False, priority=loop.MAXPRI)
        self.watcher.start(self._begin)

    def _begin(self) -> None:
        self.began_s = time.monotonic()


_turn: _Turn | None = None


def turn_is_long() -> bool:
    """Whether what is ready beside can wait, and timers cannot: whoever is called by the loop comes back later."""
    global _turn
    loop: Any = get_hub().loop
    if _turn is None or _turn.loop is not loop:
        _turn = _Turn(loop)
    return time.monotonic() - _turn.began_s > LONGEST_TURN_S


def end_long_turn() -> None:
    """Goes on in a later turn of the loop, where this one has been long. To be called by a greenlet that has waited."""
    if turn_is_long():
        gevent.sleep(0)


def wait_a_turn() -> None:
    """Goes on in the next turn of the loop, after all that has come for others, timers too. Not for thousands at once:
    all of them would go on in the same turn.
    """
    hub: Any = get_hub()
    with hub.loop.timer(0, priority=hub.loop.MINPRI) as timer:
        hub.wait(timer)


def call_in_later_turn(callback: Callable[[], None]) -> None:
    """Of the loop, once. For whoever is called by the loop, has more to do, and would not be called again for it."""
    loop: Any = get_hub().loop
    timer: Any = loop.timer(0, ref=False, priority=loop.MINPRI)  # after all that has come for others

    def call() -> None:
        timer.close()
        callback()

    timer.start(call)
