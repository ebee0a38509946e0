"""The exit code of the local runner's or the master's process: that of the verdict, whatever listeners do.

A locustfile may bring listeners that set an exit code of their own (Locust's manual shows one), that call ``sys.exit``
or that crash, in any of Locust's events. A run that prints FAIL must not end with 0 for that.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from locust.env import Environment

from harness.findings import Outcome
from harness.run.messages import VERDICT_FD
from harness.run.progress import say

_exit_at_once = os._exit


class ExitCode:
    """``end_run`` closes a run that is still going, with its reports, and may set a code."""

    def __init__(self, environment: Environment, end_run: Callable[[], None]) -> None:
        self._environment = environment
        self._end_run = end_run
        self._code: int | None = None
        self._pid = os.getpid()
        self._orderly = False
        """Whether Locust has come to its own end with this code, and no listener is left that could change it."""
        launcher = os.environ.pop(VERDICT_FD, "")
        self._launcher_fd = int(launcher) if launcher else None
        # Listeners of ``quitting`` are called in reverse order: the first of the list has the last word.
        environment.events.quitting._handlers.insert(0, self._on_quitting)
        atexit.register(self._at_exit)

    @property
    def code(self) -> int | None:
        return self._code

    def set(self, code: int) -> None:
        """From now on this is what the process ends with."""
        self._code = self._environment.process_exit_code = code
        if self._launcher_fd is not None:
            with contextlib.suppress(OSError):  # a launcher that is gone does not ask
                os.write(self._launcher_fd, bytes([code]))

    def _on_quitting(self, **_: Any) -> None:
        if self._code is None:
            return
        self._environment.process_exit_code = self._code
        # Last among the listeners of the event that comes next, and after which Locust does nothing but end.
        self._environment.events.quit.add_listener(self._on_quit)

    def _on_quit(self, exit_code: int, **_: Any) -> None:
        self._orderly = exit_code == self._code

    def _at_exit(self) -> None:
        """Somebody has ended the process by another way than Locust's, with a code that is not known here."""
        if self._code is None or self._orderly or os.getpid() != self._pid:
            return
        with contextlib.suppress(Exception):
            self._end_run()
        atexit.unregister(self._at_exit)
        atexit._run_exitfuncs()  # those that were registered earlier, and would have come after this one
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        _exit_at_once(self._code)


class ExitsAtOnce:
    """Names whoever ends this process with ``os._exit``, past every listener and with a code of its own: 0 would pass
    for a PASS. What other processes do that are forked from this one is their own business.
    """

    def __init__(self) -> None:
        self.verdict_code: Callable[[], int | None] = lambda: None
        """The code of the verdict, where there is one."""
        self.of_this_process()
        os._exit = self._exit  # type: ignore[assignment]

    def of_this_process(self) -> None:
        """It may be a fork of the one that has read the locustfile."""
        self._pid = os.getpid()

    def _exit(self, status: int) -> None:
        if os.getpid() != self._pid:
            _exit_at_once(status)
        code = self.verdict_code()
        if code is None:
            caller = sys._getframe(1)
            where = f"{Path(caller.f_code.co_filename).name}, line {caller.f_lineno},"
            say(f"os._exit({status}) in {where} has ended this process before there was a verdict; nothing is proven")
            code = Outcome.INCONCLUSIVE.exit_code
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        _exit_at_once(code)
