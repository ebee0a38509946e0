"""One time for all nodes: the offset between a node's monotonic clock and the master's, and how well it is known.

The offset is taken from the exchange with the shortest round trip (Cristian 1989): the master's reading lies
somewhere inside the round trip, so half of it bounds the error. Locust's messages can be held up for hundreds of
milliseconds while users spawn, which is why the shortest counts and not the mean.
"""

from __future__ import annotations

import math
import time

DRIFT_RATIO = 500e-6
"""Assumed bound of the drift between two clocks: NTP may slew the monotonic clock of Linux by 500 ppm. An old
measurement loses its certainty at this rate, so a new one soon takes its place."""


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
