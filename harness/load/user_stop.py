"""How Locust's users are stopped: an ``on_stop`` that hangs must not hold up the run for ever.

Locust waits for a user that is busy as long as ``stop_timeout`` says, and then kills it, which begins its ``on_stop``.
For that it waits until it has come to an end, whenever that is; so it does for users that wait, as parked ones do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import gevent
from locust import User

from harness.safe_text import say

_BOUNDED = "_springback_bounded"
_told = WeakSet[type[User]]()
"""Classes of users of which it has been said."""
ON_STOP_S = 60.0
"""For what is done in ``on_stop``; more where the tasks have more, or the user says so with ``on_stop_s``."""


def bound_on_stop() -> None:
    """From now on, in this process. Calling it again changes nothing."""
    if not hasattr(User, _BOUNDED):
        setattr(User, _BOUNDED, True)
        User.stop = _stop(User.stop)  # type: ignore[method-assign]


def _stop(original: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(original)
    def stop(user: Any, force: bool = False) -> bool:
        task_s = 0.0 if force else user.environment.stop_timeout
        on_stop_s = max(task_s, getattr(user, "on_stop_s", ON_STOP_S))
        gevent.spawn_later(task_s + on_stop_s, _end, user, on_stop_s)
        return original(user, force)

    return stop


def _end(user: User, after_s: float) -> None:
    if user.greenlet.dead:
        return
    user.greenlet.kill(block=False)
    kind = type(user)
    if kind not in _told:
        _told.add(kind)
        say(f"{kind.__name__}.on_stop had not come to its end after {after_s:g} s, and was ended: give it a time limit")
