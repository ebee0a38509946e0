"""One time for all nodes: the offset between a node's monotonic clock and the master's, and how well it is known.

The offset is taken from the exchange with the shortest round trip (Cristian 1989): the master's reading lies
somewhere inside the round trip, so half of it bounds the error. Locust's messages can be held up for hundreds of
milliseconds while users spawn, which is why the shortest counts and not the mean.

One question of a worker is out at a time. A master that is busy, because it has just been started or because its
machine is full, answers everything at once that came in meanwhile; questions that had queued up would measure only that
delay.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Never

import gevent
from gevent.event import Event

DRIFT_RATIO = 500e-6
"""Assumed bound of the drift between two clocks: NTP may slew the monotonic clock of Linux by 500 ppm. An old
measurement loses its certainty at this rate, so a new one soon takes its place."""
FIRST_PINGS = 20
"""Exchanged quickly, while the worker is idle: the shortest round trip decides, and users that spawn hold others up."""
FIRST_PINGS_INTERVAL_S = 0.05
PING_INTERVAL_S = 2.0
"""After those; and for so long an answer is waited for, which may have been lost."""


class Clock:
    """Converts between this node's monotonic clock and the master's. On the master itself it is exact."""

    def __init__(self, exact: bool) -> None:
        self._offset_s = 0.0
        self._half_round_trip_s = 0.0 if exact else math.inf
        self._measured_s = time.monotonic()
        self._exact = exact

    def uncertainty_s(self, now_s: float | None = None) -> float:
        """Bound of the offset's error in seconds; infinite before the first exchange."""
        if self._exact:
            return 0.0
        age_s = (time.monotonic() if now_s is None else now_s) - self._measured_s
        return self._half_round_trip_s + age_s * DRIFT_RATIO

    def exchanged(self, sent_s: float, master_s: float, received_s: float) -> None:
        """Takes one exchange into account: sent and received on this node's clock, read on the master's."""
        half_round_trip_s = (received_s - sent_s) / 2
        if half_round_trip_s < self.uncertainty_s(received_s):
            self._offset_s = master_s - (sent_s + received_s) / 2
            self._half_round_trip_s = half_round_trip_s
            self._measured_s = received_s

    def to_local(self, master_s: float) -> float:
        return master_s - self._offset_s

    def to_master(self, local_s: float) -> float:
        return local_s + self._offset_s


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
            self._answered.wait(PING_INTERVAL_S)
            gevent.sleep(FIRST_PINGS_INTERVAL_S if self._exchanges < FIRST_PINGS else PING_INTERVAL_S)

    def answered(self, sent_s: float, master_s: float) -> None:
        """Just now."""
        self._clock.exchanged(sent_s, master_s, time.monotonic())
        self._exchanges += 1
        self._answered.set()
