"""Iterations: what each user of a load process is at, from its start until it is ready for the next one."""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakSet

from gevent import getcurrent

from harness.load.pacing import Start
from harness.load.recorder import Recorder
from harness.load.streams import Streams
from harness.recording.values import INTERRUPTED, UNSENT, USER_EXCEPTION


class Iterations:
    """Of one node. A user is told apart by its greenlet, which is the caller's where none is given."""

    def __init__(self, recorder: Recorder, streams: Streams) -> None:
        self._recorder = recorder
        self._streams = streams
        self._busy: dict[Any, tuple[Start, str]] = {}
        """User that cannot be started, because it has been → its start, and its class."""
        self._watched: WeakSet[Any] = WeakSet()
        """Users whose end has a listener."""

    def begin(self, start: Start, kind: str = "") -> None:
        """``kind`` is the class of the user."""
        user: Any = getcurrent()
        start.began_s = time.monotonic()
        self._recorder.starts[user] = start
        self._streams.started(start, kind)
        self._busy[user] = (start, kind)
        if user not in self._watched:
            self._watched.add(user)
            user.link(self._on_user_stopped)

    def end(self) -> None:
        """The calling user gets ready for its next iteration, or its first."""
        user: Any = getcurrent()
        self._settle(user, UNSENT)
        self._recorder.gets_ready(user)

    def fail(self) -> bool:
        """The code of the calling user has raised. False where it is in no iteration."""
        start = self._recorder.starts.get(getcurrent())
        if start is not None:
            start.raised = True
        return start is not None

    def note_free(self, user: Any) -> None:
        """It can be started again."""
        if (busy := self._busy.pop(user, None)) is not None:
            start, kind = busy
            self._streams.freed(start, kind, time.monotonic() - start.began_s)

    def note_all_free(self) -> None:
        """At the earliest now: they are busy for longer than that."""
        for user in list(self._busy):
            self.note_free(user)

    def _on_user_stopped(self, user: Any) -> None:
        """Locust stops users in mid-run when it deals them out afresh, because a worker came or went. An iteration that
        is under way then has nobody who would end it.
        """
        self._settle(user, INTERRUPTED)
        self._busy.pop(user, None)

    def _settle(self, user: Any, without_answer: str) -> None:
        start = self._recorder.starts.pop(user, None)
        if start is None:
            return
        of = self._recorder.class_of(user)
        if start.raised and not start.failed:
            self._recorder.without_answer(
                int(start.t // 1), "", USER_EXCEPTION, begins=not start.answered, user_class=of
            )
        elif not start.answered:
            self._recorder.without_answer(int(start.t // 1), start.name, without_answer, user_class=of)
