"""Measuring what is not HTTP: a user of any protocol times its own operations, and they count like requests."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import Any

import gevent
from gevent import GreenletExit
from locust import User

from harness.load.present_node import node_of, note_sent
from harness.load.spawned import GivenUpError, Sent
from harness.recording import Operation
from harness.recording.values import OK


class WrongAnswerError(Exception):
    """The answer came and is wrong; ``outcome`` is the short cause that the recording counts it under."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Measured(User):
    """Gives a user ``measure``, ``observe`` and ``missing``. All instants are ``time.monotonic()`` seconds."""

    abstract = True

    def measure(self, kind: str, name: str, intended_s: float | None = None) -> Measurement:
        """Times a ``with`` block as one request called ``kind name``; see :class:`Measurement`."""
        return Measurement(self, kind, name, intended_s)

    def observe(
        self,
        kind: str,
        name: str,
        sent_s: float,
        done_s: float,
        outcome: str = OK,
        *,
        intended_s: float | None = None,
        length_bytes: int = 0,
    ) -> None:
        """Counts something that has happened, e.g. a message that came: from ``intended_s`` (``sent_s``, where it is
        not given) to ``done_s``. It is never taken for the beginning of an iteration.
        """
        error = None if outcome == OK else WrongAnswerError(outcome)
        intended_s = sent_s if intended_s is None else intended_s
        self._fire(kind, name, sent_s, done_s, intended_s, error, length_bytes)

    def missing(self, name: str, outcome: str, at_s: float) -> None:
        """Counts something due at ``at_s`` that never came and so has no latency, e.g. a message that was lost."""
        node = node_of(self.environment)
        if node.plan is not None:
            node.recorder.without_answer(math.floor(node.t_of(at_s)), name, outcome, begins=False)

    def operation(
        self,
        kind: str,
        key: str,
        session: str,
        version: int | None,
        invoke_s: float,
        return_s: float | None,
        via: str = "",
        source: str = "",
        cache: str = "",
    ) -> None:
        """Keeps one read, write or invalidation for the judgement of its consistency; see
        :class:`harness.recording.Operation`.
        """
        node = node_of(self.environment)
        if node.plan is not None:
            begun, ended = node.operation_t(invoke_s), None if return_s is None else node.operation_t(return_s)
            node.operations.append(Operation(key, session, kind, version, begun, ended, via, source, cache))

    def _fire(
        self,
        kind: str,
        name: str,
        sent_s: float,
        done_s: float,
        intended_s: float | None,
        error: BaseException | None,
        length_bytes: int,
        response: object = None,
    ) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=(done_s - sent_s) * 1000,
            response_length=length_bytes,
            unchecked_bytes=length_bytes,
            response=response,
            context=self.context(),
            exception=error,
            start_time=time.time() - (done_s - sent_s),
            url=None,
            sent_s=sent_s,
            done_s=done_s,
            intended_s=intended_s,
        )


class Measurement:
    """A request in the form of a ``with`` block. What the block raises is its outcome, and is not raised again (but for
    a ``gevent.Timeout`` of the user's own): look at ``error``. Raise :class:`WrongAnswerError` for an answer that came
    and is wrong.
    """

    def __init__(self, user: Measured, kind: str, name: str, intended_s: float | None) -> None:
        self.error: Exception | None = None
        self.length_bytes = 0
        """Of the answer, for the block to set."""
        self.response: object = None
        """The answer of a client of HTTP, for the block to set: with its ``status_code`` and ``headers`` it is recorded
        and doubted as those of our own.
        """
        self.sent_s = self.done_s = math.nan
        self._user, self._kind, self._name, self._intended_s = user, kind, name, intended_s
        self._spawned: Sent | None = None

    def __enter__(self) -> Measurement:
        self.sent_s = time.monotonic()
        self._spawned = note_sent(self._user, f"{self._kind} {self._name}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.done_s = time.monotonic()
        if self._spawned is not None:
            self._spawned.end()
            if isinstance(error, GreenletExit):
                self._end(GivenUpError())
                return False
        if isinstance(error, gevent.Timeout):  # of the user's own, who goes on without the answer
            self._end(error)
            return False
        if error is not None and not isinstance(error, Exception):
            return False  # killed in mid-request: the node counts it as unfinished
        # Without its traceback, whose frames would keep everything in them alive.
        self.error = None if error is None else error.with_traceback(None)
        self._end(self.error)
        return True

    def _end(self, error: BaseException | None) -> None:
        fire: Any = self._user._fire
        times_s = self.sent_s, self.done_s, self._intended_s
        fire(self._kind, self._name, *times_s, error, self.length_bytes, self.response)
