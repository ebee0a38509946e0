"""How Locust's users are stopped: an ``on_stop`` that hangs must not hold up the run.

Locust waits for a user that is busy as long as ``stop_timeout`` says, and then kills it, which begins its ``on_stop``.
For that it waits until it has come to an end, whenever that is; so it does for users that wait, as parked ones do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import gevent
from locust import User
from locust.user.task import LOCUST_STATE_WAITING

_BOUNDED = "_springback_bounded"
LEAST_S = 3.0
"""For what is done in ``on_stop``, however little time users have to end their tasks."""


def bound_on_stop() -> None:
    """From now on, in this process, ``on_stop`` is given as long as tasks are to come to their end. Calling it again
    changes nothing.
    """
    if not hasattr(User, _BOUNDED):
        setattr(User, _BOUNDED, True)
        User.stop = _stop(User.stop)  # type: ignore[method-assign]


def _stop(original: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(original)
    def stop(user: Any, force: bool = False) -> bool:
        greenlet, task_s = user._greenlet, 0.0 if force else user.environment.stop_timeout
        # Where a user waits its task has ended, so the runner's kill after so long is the end of its on_stop.
        gevent.spawn_later(task_s + max(task_s, LEAST_S), greenlet.kill, block=False)
        if force or user._state not in (None, LOCUST_STATE_WAITING):
            return original(user, force)
        user._group.killone(greenlet, block=False)  # the runner waits for its end as for that of the others
        return True

    return stop
