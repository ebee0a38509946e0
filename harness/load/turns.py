"""Turns of the event loop: one that goes on for long holds up every timer of the process, and what it measures.

The loop calls, one after another, all that has become ready at once, and looks at its timers only when it is through:
ten thousand connections that are accepted in one moment are seconds of work.
"""

from __future__ import annotations

import time
from typing import Any

import gevent
from gevent import get_hub

LONGEST_TURN_S = 0.05


def turn_is_long() -> bool:
    """Whether what is ready beside can wait, and timers cannot: whoever is called by the loop comes back later."""
    loop: Any = get_hub().loop
    return time.time() - loop.now() > LONGEST_TURN_S


def end_long_turn() -> None:
    """Goes on in a later turn of the loop, where this one has been long. To be called by a greenlet that has waited."""
    if turn_is_long():
        gevent.sleep(0)
