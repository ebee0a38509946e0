"""Exceptions in users' code: each is counted, with its class, its message and its place, wherever it was raised.

Locust tells of those in tasks and ``on_start`` by its ``user_error`` event. Of others it only writes a line to its log
(``on_stop`` of a TaskSet, listeners of events), or lets gevent print them (``on_stop`` of a user, greenlets that a task
has spawned); and what ``prepare`` and ``check`` raise, our own users catch. All of them come together here. Each kind
is printed once, with its traceback: a herd would print it a thousand times.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import gevent
import locust
from gevent import GreenletExit
from locust import TaskSet, User
from locust.env import Environment
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser

from harness.clients.address import strip_url
from harness.recording.marks import ExceptionMark
from harness.safe_text import without_values

CONTROL = (GreenletExit, InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser)
"""With these a user steers Locust: they are no errors."""
MOST_KINDS = 100
"""Different exceptions that are kept apart; further ones are counted together."""
MOST_LETTERS = 200
"""Of a message that is kept."""

_ON_STOP, _LISTENER = "Uncaught exception in on_stop", "Uncaught exception in event handler"
_OURS = str(Path(__file__).parents[1])
_LIBRARIES = (str(Path(locust.__file__).parents[1]), str(Path(re.__file__).parents[1]), _OURS)
"""Where code lies that is not the user's: what is installed, the standard library, ours."""
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
_NAMED_SECRET = re.compile(
    r"((?:passw(?:or)?d|pwd|token|secret|api[-_]?key|authorization|cookie)['\"]?\s*[=:]\s*(?:(?:bearer|basic)\s+)?)"
    r"[^\s,;&)\]}]+",
    re.IGNORECASE,
)
_LOGGERS = ("root", "locust.user.task", "locust.user.users", "harness.load.users.paced")
_TOLD_BY = "_springback_told_by"
"""Attribute of an exception that has been counted: who told of it, and may not be the only one. Not a mere mark: one
that was made once and is raised again and again counts each time."""
_WHERE = "_springback_where"
"""Attribute of an exception that our own code has caught and hands to Locust's event: in what it was raised."""
_EVENT, _GREENLET = "event", "greenlet"
_IN_TASK = TaskSet.execute_next_task.__code__
_IN_USER = User.run.__code__
_CALLERS = 3
"""Outermost frames, in which Locust calls users' code."""

Key = tuple[str, str, str]
"""Class, where it was raised, place."""


class UserExceptions:
    """Those of one node. ``on_iteration_failed`` is called, in the greenlet of the user, when a task has raised."""

    def __init__(self, on_iteration_failed: Callable[[], None]) -> None:
        self.prevents: ExceptionMark | None = None
        """What ended a user in its ``on_start``, which does not come back, or what ``prepare`` of one user has raised
        twice in a row: before the plan is there, the users will never be complete. With a count of 0: what the service
        has last refused somebody, who tries again and may succeed.
        """
        self.secrets: tuple[str, ...] = ()
        """What no message may show: the values of options that are secret."""
        self._on_iteration_failed = on_iteration_failed
        self._counts: Counter[tuple[int, Key]] = Counter()
        self._messages: dict[Key, str] = {}
        self._totals: Counter[Key] = Counter()
        self._failed_to_prepare: dict[int, Counter[Key]] = {}
        """Number of a user → how often in a row."""
        self._printed: set[tuple[str, str]] = set()
        self._environment: Environment | None = None
        self._hub: Any = None
        self._filters: list[tuple[logging.Logger, logging.Filter]] = []

    def note(self, error: BaseException, where: str, user: object = None) -> None:
        """Counts one, raised in ``where`` (``prepare``, ``task`` …)."""
        if isinstance(error, CONTROL) or not isinstance(error, Exception):
            return
        key = self._key(error, where)
        if key not in self._messages:
            self._messages[key] = _message(error, self.secrets)
        self._counts[int(time.monotonic() // 1), key] += 1
        self._totals[key] += 1
        if where == "prepare":
            self._failed_to_prepare.setdefault(id(user), Counter())[key] += 1
        if self.prevents is not None and self.prevents.count:
            return
        if where == "on_start" or (where == "prepare" and self._failed_to_prepare[id(user)][key] == 2):
            self.prevents = self._mark(0.0, "", key, self._totals[key])

    def note_not_ready(self, error: Exception, user: object) -> None:
        """The service has not let the user get ready. That is no exception of its code, and is not counted; but
        it is told where the users are not complete in time.
        """
        self.note_ready(user)
        key = self._key(error, "prepare")
        if self.prevents is None or not self.prevents.count:
            self._messages.setdefault(key, _message(error, self.secrets))
            self.prevents = self._mark(0.0, "", key, 0)

    def note_ready(self, user: object) -> None:
        """Its own code has done what it should."""
        self._failed_to_prepare.pop(id(user), None)

    def take(self, t_of: Callable[[float], float], node: str) -> list[ExceptionMark]:
        """Those since the last call. ``t_of``: from an instant of the monotonic clock to seconds after the origin."""
        counts, self._counts = self._counts, Counter()
        return [
            self._mark(t_of(second + 0.5) // 1, node, key, count) for (second, key), count in sorted(counts.items())
        ]

    # Where they come from

    def listen(self, environment: Environment) -> None:
        """Until :meth:`close`."""
        self._environment = environment
        environment.events.user_error.add_listener(self._on_user_error)
        self._hub = gevent.get_hub()
        self._hub.handle_error = self._on_greenlet_error
        for name in _LOGGERS:
            logger, once = logging.getLogger(None if name == "root" else name), _Once(self)
            logger.addFilter(once)
            self._filters.append((logger, once))

    def close(self) -> None:
        if self._environment is None:
            return
        self._environment.events.user_error.remove_listener(self._on_user_error)
        self._environment = None
        if vars(self._hub).get("handle_error") == self._on_greenlet_error:
            del self._hub.handle_error
        for logger, once in self._filters:
            logger.removeFilter(once)

    def _on_user_error(self, exception: Exception, user_instance: Any = None, **_: Any) -> None:
        where = vars(exception).pop(_WHERE, "") or ("task" if _IN_TASK in _callers(exception) else "on_start")
        if _is_of_answer(exception) and where == "task":
            self._on_iteration_failed()
            return
        if not _was_told(exception, _EVENT, by=_GREENLET):  # or a task has waited for a greenlet that had raised it
            self.note(exception, where, user_instance)
        if where == "task":
            self._on_iteration_failed()

    def _on_greenlet_error(self, context: Any, kind: Any, error: Any, trace: Any) -> None:
        """In place of the hub's own method. It must not raise."""
        # Not by the greenlet's arguments: they are gone by now.
        callers = _callers(error) if isinstance(error, Exception) else set()
        if callers and (_own_frames(error) or self._is_of_user(context)):
            of_user = _IN_USER in callers
            if _was_told(error, _GREENLET, by=_EVENT) and of_user:
                return  # it has been printed
            self.note(error, "on_stop" if of_user else "greenlet")
            if not self.is_first_to_be_printed(error):
                return
        type(self._hub).handle_error(self._hub, context, kind, error, trace)

    def is_first_to_be_printed(self, error: BaseException) -> bool:
        """Whether none of its kind has been printed yet."""
        kind = type(error).__name__, _place(error)
        first = kind not in self._printed and len(self._printed) < MOST_KINDS
        self._printed.add(kind)
        return first

    def _is_of_user(self, greenlet: Any) -> bool:
        """Whether it is a user's, or one that a user's has spawned."""
        while greenlet is not None:
            arguments = getattr(greenlet, "args", ())
            if arguments and isinstance(arguments[0], locust.User):
                return True
            spawner = getattr(greenlet, "spawning_greenlet", None)
            greenlet = spawner() if spawner is not None else None
        return False

    def _key(self, error: BaseException, where: str) -> Key:
        key = type(error).__name__, where, _place(error)
        if key not in self._messages and len(self._messages) >= MOST_KINDS:
            key = "(other exceptions)", where, ""
            self._messages.setdefault(key, "")
        return key

    def _mark(self, t: float, node: str, key: Key, count: int) -> ExceptionMark:
        exception, where, place = key
        return ExceptionMark(t, node, exception, self._messages[key], place, where, count)


class _Once(logging.Filter):
    """Takes in what Locust writes to its log and tells nobody; lets each kind of traceback through once."""

    def __init__(self, exceptions: UserExceptions) -> None:
        super().__init__()
        self._exceptions = exceptions

    def filter(self, record: logging.LogRecord) -> bool:
        error, text = sys.exc_info()[1], str(record.msg)
        if error is None or record.levelno < logging.ERROR:
            return True
        if text.startswith(_ON_STOP):
            self._exceptions.note(error, "on_stop")
        elif text.startswith(_LISTENER):
            if not _is_ours(error):
                self._exceptions.note(error, "event listener")
        elif record.name == "root":
            return True  # a line of the user's own, about an error that was caught
        if _is_of_answer(error) and _IN_TASK in _callers(error):
            return False
        return self._exceptions.is_first_to_be_printed(error)


def _message(error: BaseException, secrets: Iterable[str]) -> str:
    """Without what is secret, as far as it can be told: in addresses, values of secret options, and what stands behind
    a word like "password"; on one line.
    """
    text = _URL.sub(lambda found: strip_url(found.group()), str(error))
    for secret in secrets:
        text = text.replace(secret, "…")
    text = without_values(text, "…")
    text = " ".join(_NAMED_SECRET.sub(r"\1…", text).split())
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Without their source lines, which nobody looks at here and which would be read from files."""
    return list(traceback.StackSummary.extract(_walk(error), lookup_lines=False))


def _walk(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """Frames and lines, the outermost first, of the last time that it was raised. What is raised again and again
    collects those of each time, one after the other, which all begin where it was caught.
    """
    first: CodeType | None = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code is first:
            return
        first = first or frame.f_code
        yield frame, line


def _is_of_answer(error: BaseException) -> bool:
    """Whether a request has failed by it, as by :class:`harness.load.http.errors.NotJsonError`."""
    return bool(getattr(error, "counts_as_answer", False))


def _callers(error: BaseException) -> set[CodeType]:
    return {frame.f_code for frame, _ in islice(_walk(error), _CALLERS)}


def raised_in(where: str, error: Exception) -> None:
    """Said before it is handed to Locust's event, whose frames would not tell."""
    vars(error)[_WHERE] = where


def _was_told(error: BaseException, now: str, by: str) -> bool:
    """Whether it is what was told a moment ago by the other one of the two ways. Said once: next time it is another."""
    told: bool = vars(error).pop(_TOLD_BY, "") == by
    if not told:
        vars(error)[_TOLD_BY] = now
    return told


def _is_ours(error: BaseException) -> bool:
    frames = _frames(error)
    return bool(frames) and frames[-1].filename.startswith(_OURS)


def _place(error: BaseException) -> str:
    """Of the user's code, the innermost line that had part in it: ``shop.py, line 12, in buy``."""
    frames = _own_frames(error) or _frames(error)
    if not frames:
        return ""
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}, in {frames[-1].name}"


def _own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Those of the user's own code."""
    return [frame for frame in _frames(error) if not frame.filename.startswith((*_LIBRARIES, "<"))]
