"""What it costs to wake and to pace: CPU time ÷ elapsed time of a process that does nothing else.

Run as ``python -m benchmarks._pacing sleep`` (it only sleeps, for a millisecond at a time) or ``… pace`` (the pacer
alone, at 2,000 starts per second for users who are parked again at once). Prints the ratio.
"""

from __future__ import annotations

import sys
import time

from harness.load.arrivals import SHORTEST_SLEEP_S, Arrivals
from harness.load.clock import Clock
from harness.load.pacing import Slot, Start
from harness.load.schedule import due_times
from shapes._profile import Polyline

RATE = 2000
DURATION_S = 2


class InstantSlot(Slot):
    """The slot of a user who takes no time."""

    def __init__(self, pacer: Arrivals) -> None:
        super().__init__()
        self._pacer = pacer

    def release(self, start: Start) -> None:
        super().release(start)
        self._pacer.park(self)


def pace() -> None:
    due = due_times(Polyline(((0, RATE), (DURATION_S, RATE))))
    pacer = Arrivals(due, time.monotonic(), Clock(exact=True))
    for _ in range(200):
        pacer.park(InstantSlot(pacer))
    pacer.run()


def sleep() -> None:
    end_s = time.monotonic() + DURATION_S
    while time.monotonic() < end_s:
        time.sleep(SHORTEST_SLEEP_S)


if __name__ == "__main__":
    work = {"pace": pace, "sleep": sleep}[sys.argv[1]]
    began_s, used_s = time.monotonic(), time.process_time()
    work()
    print((time.process_time() - used_s) / (time.monotonic() - began_s), flush=True)
