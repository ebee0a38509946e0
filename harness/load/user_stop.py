"""How Locust's users are stopped: an ``on_stop`` that hangs must not hold up the run for ever, and one that did not
come to its end is told.

Locust kills a waiting user at once, and a busy one when ``stop_timeout`` is over; each then begins its ``on_stop``,
that of its TaskSets and its own. Locust waits for those of waiting users however long they take, and only then begins
to count the time of the busy ones. So each ``on_stop`` is bounded from where it begins, which shows on the user's
stack: when the user was stopped says little about that.
"""

from __future__ import annotations

import functools
import linecache
import time
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any
from weakref import WeakSet

import gevent
from gevent import GreenletExit
from locust import TaskSet, User

from harness.load.present_node import note_cut_off
from harness.safe_text import say

_BOUNDED = "_springback_bounded"
_told = WeakSet[type[User]]()
"""Classes of users of which it has been said."""
ON_STOP_S = 60.0
"""For what is done in ``on_stop``, where the user does not say another time with ``on_stop_s``."""
LOOK_S = 0.25
"""Between two looks at the users that are being stopped."""


def bound_on_stop() -> None:
    """From now on, in this process. Calling it again changes nothing."""
    if not hasattr(User, _BOUNDED):
        setattr(User, _BOUNDED, True)
        User.stop = _stop(User.stop, StoppingUsers())  # type: ignore[method-assign]


def _stop(original: Callable[..., bool], stopping: StoppingUsers) -> Callable[..., bool]:
    @functools.wraps(original)
    def stop(user: Any, force: bool = False) -> bool:
        stopping.add(user)
        return original(user, force)

    return stop


class StoppingUsers:
    """Users that were told to stop and are not gone yet."""

    def __init__(self) -> None:
        self._began_s: dict[User, float | None] = {}
        """User → since when it is in its ``on_stop``, as far as that was seen."""
        self._ended: set[User] = set()
        """Those whose ``on_stop`` was ended here."""
        self._lines = frozenset(_lines_that_call_on_stop())
        self._watching: gevent.Greenlet[..., Any] | None = None

    def add(self, user: User) -> None:
        if user in self._began_s or user.greenlet.dead or user._state is None:
            return  # who has not begun has no on_stop
        self._began_s[user] = None
        user.greenlet.link(functools.partial(self._is_gone, user))
        if self._watching is None or self._watching.dead:
            self._watching = gevent.spawn(self._watch)

    def _watch(self) -> None:
        while self._began_s:
            now_s = time.monotonic()
            for user, began_s in list(self._began_s.items()):
                if not self._is_in_on_stop(user):
                    continue
                if began_s is None:
                    self._began_s[user] = now_s
                elif now_s - began_s >= getattr(user, "on_stop_s", ON_STOP_S):
                    self._began_s[user] = None  # of a TaskSet; that of the user may be to come
                    self._ended.add(user)
                    user.greenlet.kill(block=False)
            gevent.sleep(LOOK_S)

    def _is_in_on_stop(self, user: User) -> bool:
        frame: FrameType | None = user.greenlet.gr_frame
        while frame is not None:
            if (frame.f_code, frame.f_lineno) in self._lines:
                return True
            frame = frame.f_back
        return False

    def _is_gone(self, user: User, greenlet: Any) -> None:
        self._began_s.pop(user, None)
        # Locust catches what ends a task, and nobody what ends an ``on_stop``: its own end of waiting, for one.
        if user in self._ended or isinstance(greenlet.value, GreenletExit):
            note_cut_off(user)
        if user in self._ended:
            self._ended.discard(user)
            self._say(user)

    @staticmethod
    def _say(user: User) -> None:
        user_class, after_s = type(user), getattr(user, "on_stop_s", ON_STOP_S)
        if user_class not in _told:
            _told.add(user_class)
            say(
                f"{user_class.__name__}.on_stop had not come to its end after {after_s:g} s, and was ended: give it a "
                "time limit, or more time with on_stop_s"
            )


def _lines_that_call_on_stop() -> Iterator[tuple[CodeType, int]]:
    """Not by the name of what is called, which a decorator may change."""
    for run in (User.run, TaskSet.run):
        lines = linecache.getlines(run.__code__.co_filename)  # inspect would look for where the function ends
        numbers = {number for _, _, number in run.__code__.co_lines() if number is not None}
        yield from ((run.__code__, number) for number in sorted(numbers) if "self.on_stop()" in lines[number - 1])
