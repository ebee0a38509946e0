"""ClockPings: how a worker keeps asking for the master's time.

One question is out at a time. A master that is busy, because it has just been started or because its machine is full,
answers all at once what has come meanwhile; questions that had waited for that would tell nothing but how long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Never

import gevent
from gevent.event import Event

from harness.load.clock import Clock

FIRST = 20
"""Exchanged quickly, while the worker is idle: the shortest round trip decides, and users that spawn hold others up."""
FIRST_INTERVAL_S = 0.05
INTERVAL_S = 2.0
"""After those; and for so long an answer is waited for, which may have been lost."""


class ClockPings:
    """Sets ``clock``. ``send`` takes a reading of this process's clock to the master, who sends it back with one of its
    own, for :meth:`answered`.
    """

    def __init__(self, clock: Clock, send: Callable[[float], None]) -> None:
        self._clock = clock
        self._send = send
        self._answered = Event()
        self._exchanges = 0

    def run(self) -> Never:
        while True:
            self._answered.clear()
            self._send(time.monotonic())
            self._answered.wait(INTERVAL_S)
            gevent.sleep(FIRST_INTERVAL_S if self._exchanges < FIRST else INTERVAL_S)

    def answered(self, sent_s: float, master_s: float) -> None:
        """Just now."""
        self._clock.exchanged(sent_s, master_s, time.monotonic())
        self._exchanges += 1
        self._answered.set()
