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


def latest(end_turns: bool) -> float:
    """The largest delay of a timer, in seconds, while many greenlets are woken at once for some work each."""
    go, late_s = Event(), [0.0]

    def work() -> None:
        go.wait()
        gevent.sleep(0.01)  # a timer wakes them all in one turn
        if end_turns:
            end_long_turn()
        since_s = time.thread_time()
        while time.thread_time() - since_s < EACH_S:
            pass

    def watch() -> None:
        while True:
            due_s = time.monotonic() + 0.005
            gevent.sleep(0.005)
            late_s[0] = max(late_s[0], time.monotonic() - due_s)

    turn_is_long()  # the clock of the turns goes from here
    watching = gevent.spawn(watch)
    working = [gevent.spawn(work) for _ in range(MANY)]
    gevent.sleep(0)
    go.set()
    gevent.joinall(working)
    gevent.sleep(0.01)
    watching.kill()
    return late_s[0]


def test_a_timer_waits_for_a_part_of_the_work_and_not_for_all_of_it() -> None:
    whole_s = latest(end_turns=False)
    assert whole_s > 0.9 * MANY * EACH_S, "the work is in one turn, or this test shows nothing"
    # Beside the other way and not beside a figure: the work is CPU time, and what is late is so by the wall clock.
    assert latest(end_turns=True) < 0.6 * whole_s


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

    def longest_turn_s() -> float:
        longest_s = 0.0
        while len(watched) < MANY:
            began_s = time.monotonic()
            gevent.sleep(0.001)
            longest_s = max(longest_s, time.monotonic() - began_s)
        return longest_s

    turn_is_long()
    users = [gevent.spawn(waits) for _ in range(MANY)]
    longest_s = longest_turn_s()
    gevent.joinall(users)
    assert min(watched) >= deadline_s
    assert longest_s < 0.5 * (max(watched) - deadline_s)


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
