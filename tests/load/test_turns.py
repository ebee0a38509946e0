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


def most_at_once(end_turns: bool) -> int:
    """How many of those that are woken at once for some work each have done it while a timer of 5 ms was due."""
    go, done, most = Event(), [0], [0]

    def work() -> None:
        go.wait()
        gevent.sleep(0.01)  # a timer wakes them all in one turn
        if end_turns:
            end_long_turn()
        since_s = time.thread_time()
        while time.thread_time() - since_s < EACH_S:
            pass
        done[0] += 1

    def watch() -> None:
        while True:
            before = done[0]
            gevent.sleep(0.005)
            most[0] = max(most[0], done[0] - before)

    turn_is_long()  # the clock of the turns goes from here
    watching = gevent.spawn(watch)
    working = [gevent.spawn(work) for _ in range(MANY)]
    gevent.sleep(0)
    go.set()
    gevent.joinall(working)
    gevent.sleep(0.01)
    watching.kill()
    return most[0]


def test_a_timer_waits_for_a_part_of_the_work_and_not_for_all_of_it() -> None:
    """By what is done meanwhile, which is the same however busy the machine is."""
    assert most_at_once(end_turns=False) > 0.9 * MANY, "the work is in one turn, or this test shows nothing"
    assert most_at_once(end_turns=True) < 0.6 * MANY


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
        most = 0
        while len(watched) < MANY:
            before = len(watched)
            gevent.sleep(0.001)
            most = max(most, len(watched) - before)
        return most

    turn_is_long()
    users = [gevent.spawn(waits) for _ in range(MANY)]
    most = most_in_a_turn()
    gevent.joinall(users)
    assert min(watched) >= deadline_s
    assert most < 0.5 * MANY


def test_a_turn_is_long_while_it_goes_on() -> None:
    assert a_new_turn_is_short()
    since_s = time.monotonic()
    while time.monotonic() < since_s + 1.5 * LONGEST_TURN_S:
        pass
    assert turn_is_long()
    assert a_new_turn_is_short()


def a_new_turn_is_short() -> bool:
    """One of a few: in any one of them somebody else may have the machine."""
    for _ in range(10):
        gevent.sleep(0.001)
        if not turn_is_long():
            return True
    return False


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
