"""Who stops a run, as Locust notes it for its log, told without a search.

As the first thing of a stop Locust asks for all callers with their lines of source, and :mod:`inspect` looks through
every module of the process for them: a tenth of a second in which no answer is read, in each load process.
"""

from __future__ import annotations

import inspect
import sys
from types import FrameType, SimpleNamespace

from locust import runners


def tell_stop_caller_at_once() -> None:
    """From now on, in this process. Calling it again, or where Locust asks no more, changes nothing."""
    if getattr(runners, "inspect", None) is inspect:
        at_once = SimpleNamespace(**{**vars(inspect), "stack": _stack, "getframeinfo": _place})
        setattr(runners, "inspect", at_once)  # noqa: B010  a name of theirs that mypy does not know


def _stack() -> list[tuple[FrameType]]:
    """As much of :func:`inspect.stack` as a stop uses: the frame of whoever asks, and of its caller."""
    asks = sys._getframe(1)
    return [(frame,) for frame in (asks, asks.f_back) if frame is not None]


def _place(frame: FrameType) -> SimpleNamespace:
    return SimpleNamespace(filename=frame.f_code.co_filename, lineno=frame.f_lineno)
