"""SIGINT, SIGTERM and SIGHUP as one exception, never raised between starting a process and noting it down."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(BaseException):
    """A signal asked us to end. Not an Exception: nothing on the way may swallow it."""


class StopSignals:
    """Installs the handlers; the first signal counts, later ones cannot disturb the clearing up."""

    def __init__(self) -> None:
        self._held = 0
        self._pending = False
        for number in SIGNALS:
            signal.signal(number, self._handle)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Put off Stop until the end of the block."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._pending and not self._held:
            raise Stop

    def ignore(self) -> None:
        """From now on nothing stops us any more."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.ignore()
        self._pending = True
        if not self._held:
            raise Stop
