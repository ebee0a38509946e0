"""Long turns of the event loop are ended by who can wait, so that timers fire in time."""

from __future__ import annotations

import socket
import time
from contextlib import closing, suppress

import gevent
from gevent import get_hub
from gevent.event import Event

from harness.load.http.waitable_socket import DeadlineError, WaitableSocket
from harness.load.turns import LONGEST_TURN_S, call_in_later_turn, end_long_turn, turn_is_long

MANY, EACH_S = 400, 0.003
CALLBACKS = 50
"""Of those that go on in a later turn gevent calls so many before it looks whether a timer is due."""
MOST = LONGEST_TURN_S / EACH_S + 1 + CALLBACKS
"""Do their work between two calls of a timer. Counted, and not timed: a turn ends by the clock, so on a busy machine it
holds less work, never more."""


def most_between_timers(end_turns: bool) -> int:
    """How many of many greenlets that are woken at once did their work between two calls of a timer, at most."""
    go, done, most, due_s = Event(), 0, 0, time.monotonic() + 0.1

    def work() -> None:
        nonlocal done
        go.wait()
        gevent.sleep(due_s - time.monotonic())  # timers wake them all in one turn
        if end_turns:
            end_long_turn()
        since_s = time.thread_time()
        while time.thread_time() - since_s < EACH_S:
            pass
        done += 1

    def watch() -> None:
        nonlocal most
        seen = 0
        while True:
            gevent.sleep(0.005)
            seen, most = done, max(most, done - seen)

    turn_is_long()  # the clock of the turns goes from here
    watching = gevent.spawn(watch)
    working = [gevent.spawn(work) for _ in range(MANY)]
    gevent.sleep(0)
    go.set()
    gevent.joinall(working)
    gevent.sleep(0.01)
    watching.kill()
    return most


def test_a_timer_waits_for_a_part_of_the_work_and_not_for_all_of_it() -> None:
    assert most_between_timers(end_turns=False) > MANY / 2, "the work is in one turn, or this test shows nothing"
    assert most_between_timers(end_turns=True) <= MOST


def test_deadlines_that_come_together_are_met_in_several_turns() -> None:
    """As of ten thousand connections that are to be cut at one instant: each goes off in its time, or a turn later."""
    watched, deadline_s = list[float](), time.monotonic() + 0.05

    def waits() -> None:
        with closing(WaitableSocket(socket.AF_INET)) as waiting:
            with suppress(DeadlineError):
                waiting.wait(deadline_s)
            began_s = time.monotonic()
            while time.monotonic() < began_s + EACH_S:
                pass
            watched.append(time.monotonic())

    def most_in_a_turn() -> int:
        most = seen = 0
        while len(watched) < MANY:
            gevent.sleep(0.001)
            seen, most = len(watched), max(most, len(watched) - seen)
        return most

    turn_is_long()
    users = [gevent.spawn(waits) for _ in range(MANY)]
    most = most_in_a_turn()
    gevent.joinall(users)
    assert min(watched) >= deadline_s
    assert most <= MOST


def test_a_turn_is_long_while_it_goes_on() -> None:
    gevent.sleep(0.001)
    assert not turn_is_long()
    since_s = time.monotonic()
    while time.monotonic() < since_s + 1.5 * LONGEST_TURN_S:
        pass
    assert turn_is_long()
    gevent.sleep(0.001)
    assert not turn_is_long()


def test_a_later_turn_comes_after_what_has_come_for_others() -> None:
    """A peer that floods is read again and again, and would have each turn to itself."""
    order: list[str] = []
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        heard = get_hub().loop.io(ours.fileno(), 1)
        heard.start(lambda: order.append(ours.recv(1).decode()))
        theirs.send(b"quiet")
        for _ in range(2):
            call_in_later_turn(lambda: order.append("flooded"))
        gevent.sleep(0.05)
        heard.stop()
        heard.close()
    assert order[0] == "q" and order.count("flooded") == 2
