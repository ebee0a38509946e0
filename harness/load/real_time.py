"""The real-time class, for the few milliseconds of a release.

With the target on the same machine, its processes wake with the first requests and would take the core away from the
rest of the herd.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

from harness.load.turns import wait_a_turn


class RealTime:
    """Puts the thread that enters it in the real-time class, where that is permitted, and back when it leaves."""

    def __init__(self) -> None:
        self._before: tuple[int, Any] | None = None

    def __enter__(self) -> RealTime:
        try:
            before = os.sched_getscheduler(0), os.sched_getparam(0)
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except (AttributeError, OSError):
            return self
        self._before = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            before, self._before = self._before, None
            os.sched_setscheduler(0, *before)

    def wait_a_turn(self) -> None:
        """Outside of it: in a turn of the event loop all other greenlets run, for as long as they like and instead of
        the target, and a thread or process that one of them starts would stay in the class for good.
        """
        self.__exit__(None, None, None)
        try:
            wait_a_turn()
        finally:
            self.__enter__()
