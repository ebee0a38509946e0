"""What becomes of starts that are due: how long they waited for a user of ours, and for how long each took one away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import gevent
import pytest

from harness.analysis import histogram
from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.pacing import Slot
from harness.load.run_plan import Plan
from harness.recording.file import decode, encode
from harness.recording.marks import ARRIVALS, StartsMark, gate_stream
from shapes._profile import Herd, Polyline

EXACT = Clock(exact=True)


def user(node: Node, kind: str, takes_s: float) -> None:
    while True:
        node.iterations.end()
        start = None
        while start is None:
            slot = Slot()
            slot.kind = kind
            start = node.park(slot)
        node.iterations.begin(start, kind)
        sent_s = time.monotonic()
        gevent.sleep(takes_s)
        node.recorder.on_request("GET", "/", takes_s * 1000, 0, sent_s=sent_s, done_s=time.monotonic())


@pytest.fixture
def ran() -> Iterator[object]:
    greenlets: list[gevent.Greenlet[..., None]] = []

    def run(users: list[tuple[str, float]], per_s: float, herds: tuple[Herd, ...] = ()) -> list[StartsMark]:
        """One second of a node with such users (class, seconds for each iteration), drained at its end."""
        node = Node("r", EXACT)
        greenlets.extend(gevent.spawn(user, node, kind, takes_s) for kind, takes_s in users)
        gevent.sleep(0)
        background = len(users) - sum(herd.users for herd in herds)
        level = Polyline(((0, per_s), (1, per_s)))
        node.begin(Plan("r", time.monotonic(), 1, "arrivals", level, None, herds, background, paced=True, drain_s=0.1))
        gevent.sleep(1.05)
        marks = node.streams.take("n")
        node.drain()
        return [*marks, *node.streams.take("n")]

    yield run
    gevent.killall(greenlets)


def summed(marks: list[StartsMark], stream: str) -> tuple[Counter[str], Counter[str], dict[int, int], float]:
    due, starts, waits, busy_s = Counter[str](), Counter[str](), dict[int, int](), 0.0
    for mark in marks:
        assert decode(encode(mark)) == mark
        if mark.stream == stream:
            due.update(mark.due)
            starts.update(mark.starts)
            for each in mark.waits.values():
                histogram.add(waits, each)
            busy_s += sum(seconds for _, seconds in mark.busy.values())
    return due, starts, waits, busy_s


def test_nobody_waits_where_there_are_enough_users(ran: object) -> None:
    due, starts, waits, busy_s = summed(ran([("a", 0.01)] * 10, 20), ARRIVALS)  # type: ignore[operator]
    assert due == starts == {"a": 20}
    assert not waits
    assert 20 * 0.01 <= busy_s < 2


def test_who_waits_says_for_how_long_and_who_never_began_is_missing(ran: object) -> None:
    """Two users, each busy for 0.3 s, and 20 arrivals in a second: about 7 begin."""
    due, starts, waits, busy_s = summed(ran([("a", 0.3)] * 2, 20), ARRIVALS)  # type: ignore[operator]
    assert due == {"a": 20}
    assert 4 <= starts["a"] <= 10
    assert histogram.total(waits) == starts["a"] - 2
    longest_us = histogram.quantile_us(waits, 1)
    assert longest_us is not None and 0.3e6 < longest_us < 1.3e6
    assert busy_s / starts["a"] == pytest.approx(0.3, abs=0.15), "also of those who are busy at the end"


def test_a_herd_and_the_arrivals_beside_it_are_told_apart_by_class(ran: object) -> None:
    herd = Herd("herd", 0.3, 4)
    marks = ran([("a", 0.01)] * 6 + [("b", 0.01)] * 2, 12, (herd,))  # type: ignore[operator]
    due, starts, _, _ = summed(marks, gate_stream("herd"))
    assert due == starts == {"a": 3, "b": 1}
    due, starts, _, _ = summed(marks, ARRIVALS)
    assert due == starts == {"a": 9, "b": 3}
