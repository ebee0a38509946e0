"""One screen that is drawn anew in its place once a second. What others print meanwhile goes above it."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from harness.live.state import LiveState
from harness.run.console import screen_text
from harness.run.console.in_place import InPlace
from harness.run.console.plan import ShownPlan, quiet_s
from harness.run.level_chart import marks_for
from harness.safe_text import say

EVERY_S = 1.0


class Screen:
    """On standard error, from the first ``show`` to ``close``. Standard output and the log of Locust, where they go to
    a terminal, are printed above it meanwhile.
    """

    def __init__(self, plan: ShownPlan, live: LiveState, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._live = live
        self._clock = clock
        self._place = InPlace(sys.stderr)
        self._marks = marks_for(sys.stderr.encoding or "ascii")
        self._drawn = ("", (0, 0))
        """The stretch of the run and the size of the window that were drawn last."""
        self._drawn_s = -math.inf
        self._replaced: list[_Replaced] = []
        self._is_open = False

    def tell(self, text: str, event: Mapping[str, object]) -> None:  # noqa: ARG002
        say(text)

    def show(self, t: float | None) -> None:
        if not self._is_open:
            self._open()
        if quiet_s(self._plan.profile, t) is not None:
            return
        state, now_s = (self._plan.stretch(t), self._place.size()), self._clock()
        if state == self._drawn and now_s - self._drawn_s < EVERY_S:
            return
        self._drawn, self._drawn_s = state, now_s
        self._draw(t)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            for each in self._replaced:
                each.put_back()
            self._place.clear()

    def _draw(self, t: float | None) -> None:
        width, _ = self._place.size()
        self._place.draw(screen_text.lines(self._plan, self._live, t, width, self._marks))

    def _open(self) -> None:
        self._is_open = True
        self._replaced = [_Replaced(name, self._place) for name in ("stderr", "stdout") if getattr(sys, name).isatty()]


class _Replaced:
    """A stream of this process, and all log handlers that write to it, write above the screen."""

    def __init__(self, name: str, place: InPlace) -> None:
        self._name = name
        self._original: TextIO = getattr(sys, name)
        above = Above(self._original, place)
        setattr(sys, name, above)
        self._handlers = [each for each in _handlers() if getattr(each, "stream", None) is self._original]
        for handler in self._handlers:
            handler.stream = above

    def put_back(self) -> None:
        above: Any = getattr(sys, self._name)
        if isinstance(above, Above):
            above.finish()
            setattr(sys, self._name, self._original)
        for handler in self._handlers:
            handler.stream = self._original


class Above:
    """A text stream whose whole lines go above the screen."""

    def __init__(self, original: TextIO, place: InPlace) -> None:
        self._original = original
        self._place = place
        self._begun = ""

    def write(self, text: str) -> int:
        whole, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._place.above(f"{whole}\n")
        return len(text)

    def finish(self) -> None:
        """What has no end of line yet is printed all the same."""
        if self._begun:
            self._place.above(self._begun)
        self._begun = ""

    def flush(self) -> None:
        """Whole lines are written at once."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def _handlers() -> list[Any]:
    loggers = [logging.root, *(each for each in logging.root.manager.loggerDict.values())]
    return [handler for logger in loggers for handler in getattr(logger, "handlers", ())]
