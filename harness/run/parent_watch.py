"""No orphans: a process ends when its launcher was killed, and a forked worker when its master is gone, even when that
happens before the two have met.

A master that refuses its options leaves at once, while its workers may still be trying to reach it; Locust would let
them try for five minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import gevent
from gevent.monkey import get_original

from harness.run.messages import PARENT

WATCH_S = 0.5

_sleep = get_original("time", "sleep")
_start_thread = get_original("_thread", "start_new_thread")
_exit_at_once = os._exit  # that of the process, which attach() replaces


def when_launcher_is_gone(act: Callable[[], None]) -> bool:
    """Calls ``act`` when ``springback run`` was killed. Returns whether there is one at all."""
    launcher = os.environ.pop(PARENT, "")

    def watch(launcher_pid: int) -> None:
        while os.getppid() == launcher_pid:
            gevent.sleep(WATCH_S)
        act()

    if launcher:
        gevent.spawn(watch, int(launcher))
    return bool(launcher)


class MasterWatch:
    """Made before Locust forks its workers, and watches in each of them."""

    def __init__(self) -> None:
        self._master_pid = os.getpid()
        self._met = False
        os.register_at_fork(after_in_child=self._forked)

    @property
    def is_forked(self) -> bool:
        """Whether this process is a worker that Locust has forked."""
        return os.getpid() != self._master_pid

    def met(self) -> None:
        """The runner is up: from now on the watch is a greenlet, and other forks are no workers."""
        self._met = True
        if self.is_forked:
            gevent.spawn(self._watch)

    def _forked(self) -> None:
        # A thread, because gevent is not ready again here; it ends with the meeting, so it never delays a release.
        if not self._met:
            _start_thread(self._watch_until_met, ())

    def _watch_until_met(self) -> None:
        while not self._met:
            self._end_if_orphan()
            _sleep(WATCH_S)

    def _watch(self) -> None:
        while True:
            self._end_if_orphan()
            gevent.sleep(WATCH_S)

    def _end_if_orphan(self) -> None:
        if os.getppid() != self._master_pid:
            _exit_at_once(1)
