"""How many runs of the tests go at once: as many as the machine has turns for.

A run waits most of its time, but takes what it can get when it starts and in its spike. Where more go than the machine
has turns for, what they measure comes late; where fewer go, it stands idle.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

import psutil

from harness.clients.cgroups import ControlGroup
from harness.load.machine_reader import usable_cores

BUSY_RATIO = 0.65
"""Of the cores: where less is in use, one more may go."""
FULL_RATIO = 0.9
"""Of the cores: where more is in use, one fewer."""
WATCHED_S = 3.0
"""For that long: what one more takes has to be seen before another one adds to it."""


class Admission:
    """``fewest`` go at once in any case, and up to ``most`` while ``used_s`` grows slowly enough: seconds that all
    ``cores`` were in use since whenever, added up.

    Who takes the place of one that has ended begins at once: as short as most are, there is hardly a time in which none
    begins.
    """

    def __init__(
        self,
        fewest: int,
        most: int,
        used_s: Callable[[], float],
        cores: float,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fewest, self._most = fewest, most
        self._places = fewest
        self._used_s, self._cores, self._now_s = used_s, cores, now_s
        self._going = 0
        self._closed = False
        self._changed = threading.Condition()
        self._watch()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for it. Raises CancelledError once nobody is to begin any more."""
        with self._changed:
            while not self._closed and not self.may_begin():
                self._changed.wait(WATCHED_S / 4)
            if self._closed:
                raise CancelledError
            self._going += 1
        try:
            yield
        finally:
            with self._changed:
                self._going -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Who waits now does not begin."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def may_begin(self) -> bool:
        """Whether one more may begin now."""
        self._look()
        return self._going < self._places

    def _look(self) -> None:
        if (elapsed_s := self._now_s() - self._since_s) < WATCHED_S:
            return
        ratio = (self._used_s() - self._used_then_s) / (self._cores * elapsed_s)
        if ratio < BUSY_RATIO and self._going >= self._places:
            self._places = min(self._most, self._places + 1)
        elif ratio > FULL_RATIO:
            self._places = max(self._fewest, self._places - 1)
        self._watch()  # anew, so that what is looked at is always of late

    def _watch(self) -> None:
        self._since_s, self._used_then_s = self._now_s(), self._used_s()


def used_s(nice: int | None = None) -> float:
    """CPU time of all that runs on this machine, but of what gives way to this process. Whoever is ``nice`` gives way
    to nobody else who is.
    """
    times = psutil.cpu_times()
    fields = ("user", "system", "irq", "softirq", "steal", "nice")
    gives_way = (os.nice(0) if nice is None else nice) > 0
    return sum(float(getattr(times, name, 0.0)) for name in (fields if gives_way else fields[:-1]))


def of_this_machine(fewest: int, most: int) -> Admission:
    """By the cores that its quota leaves to this process, if it has one."""
    return Admission(fewest, most, used_s, ControlGroup.of_process("self").cpu_limit_cores() or usable_cores())
