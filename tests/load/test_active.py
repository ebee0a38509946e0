"""Active users, the closed model: so many iterations go on at once as the level says, with a real node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import gevent
import pytest

from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.pacing import Slot
from harness.load.run_plan import Plan
from shapes._profile import USERS, Polyline

SOON_S = 0.15
"""A change of the level is followed within this time, even on a busy machine."""
TAKES_S = 0.05
POOL = 8


@dataclass
class Iteration:
    began_s: float
    """After the origin, as every time here."""
    beside: int
    """Iterations that go on at once, with this one."""
    ended_s: float | None = None


@dataclass
class Crowd:
    """Users of one node that come back as soon as they are done, and what they did."""

    takes_s: float = TAKES_S
    node: Node = field(default_factory=lambda: Node("r", Clock(exact=True)))
    origin_s: float = 0.0
    iterations: list[Iteration] = field(default_factory=list)
    going: dict[Any, Iteration] = field(default_factory=dict)
    users: list[Any] = field(default_factory=list)
    seen: list[tuple[float, int]] = field(default_factory=list)
    """(instant, iterations that went on then)."""

    def begin(self, *level: tuple[float, float], drain_s: float = 1.0) -> Polyline:
        line = Polyline(level)
        self.users = [gevent.spawn(self._user) for _ in range(POOL)]
        gevent.sleep(0)
        assert self.node.parked == POOL
        self.origin_s = time.monotonic()
        self.node.begin(
            Plan("r", self.origin_s, int(level[-1][0]), USERS, line, None, (), POOL, paced=True, drain_s=drain_s)
        )
        self.users.append(gevent.spawn(self._watch))
        return line

    @property
    def now_s(self) -> float:
        return time.monotonic() - self.origin_s

    def until(self, t: float) -> None:
        gevent.sleep(max(0.0, t - self.now_s))

    def between(self, start_s: float, end_s: float) -> list[int]:
        """How many iterations went on, at many instants."""
        return [count for t, count in self.seen if start_s <= t < end_s]

    def _user(self) -> None:
        me = gevent.getcurrent()
        try:
            while True:
                self.node.iterations.end()
                start = None
                while start is None:
                    start = self.node.park(Slot())
                self.node.iterations.begin(start)
                mine = Iteration(self.now_s, len(self.going) + 1)
                self.going[me] = mine
                self.iterations.append(mine)
                sent_s = time.monotonic()
                gevent.sleep(self.takes_s)
                done_s = time.monotonic()
                self.node.recorder.on_request("GET", "/", 1000 * (done_s - sent_s), 0, sent_s=sent_s, done_s=done_s)
                mine.ended_s = self.now_s
                del self.going[me]
        finally:
            self.going.pop(me, None)

    def _watch(self) -> None:
        while True:
            self.seen.append((self.now_s, len(self.going)))
            gevent.sleep(0.007)


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    made = Crowd()
    yield made
    made.node.stop_draining = True
    made.node.drain(still_answering=False)
    gevent.killall(made.users)


def test_as_many_iterations_go_on_as_the_level_says(crowd: Crowd) -> None:
    """2, then 5, then 1: there soon after each change, and never more than are wanted."""
    level = crowd.begin((0, 2), (1, 2), (1, 5), (2, 5), (2, 1), (3, 1))
    crowd.until(2.9)
    for start_s, end_s, wanted in ((0, 1, 2), (1, 2, 5), (2, 2.9, 1)):
        settled = crowd.between(start_s + SOON_S, end_s)
        assert len(settled) > 20
        assert max(settled) == wanted
        assert median(settled) == wanted, settled
    for iteration in crowd.iterations:
        assert iteration.beside <= level.highest(max(0.0, iteration.began_s - SOON_S / 3), iteration.began_s)


def test_a_falling_level_cuts_no_iteration_short(crowd: Crowd) -> None:
    crowd.takes_s = 0.4
    crowd.begin((0, 5), (1, 5), (1, 1), (2, 1))
    crowd.until(1.9)
    under_way = [iteration for iteration in crowd.iterations if iteration.began_s < 1.0]
    assert sum(iteration.ended_s is None or iteration.ended_s > 1.0 for iteration in under_way) == 5
    for iteration in under_way:
        assert iteration.ended_s is not None
        assert iteration.ended_s - iteration.began_s >= 0.4 - 1e-3
    # Four of the five ended after the fall and gave their places up.
    assert set(crowd.between(1.4 + SOON_S, 1.9)) <= {0, 1}


@pytest.mark.parametrize("when", ["parked", "in mid-iteration"])
def test_the_place_of_a_user_that_is_killed_is_taken_by_another(crowd: Crowd, when: str) -> None:
    crowd.takes_s = 0.1
    crowd.begin((0, 3), (3, 3))
    crowd.until(0.35)
    chosen = [user for user in crowd.users[:POOL] if (user in crowd.going) == (when == "in mid-iteration")]
    gevent.killall(chosen[:2])
    crowd.until(1.2)
    settled = crowd.between(0.35 + 0.1 + SOON_S, 1.2)
    assert max(settled) == 3
    assert median(settled) == 3, settled
    assert crowd.node.active_users() == 3
    gevent.killall(crowd.users[: POOL - 1])
    gevent.sleep(0.01)
    assert crowd.node.active_users() == 1, "nobody is left to take the place of the others"


def test_after_the_end_no_further_iteration_begins(crowd: Crowd) -> None:
    """The last ones are answered in the drain, and their users do not go round once more."""
    crowd.begin((0, 5), (1, 5))
    crowd.until(0.5)
    ended_s = crowd.now_s
    crowd.node.drain()
    gevent.sleep(4 * TAKES_S)
    late = [iteration.began_s - ended_s for iteration in crowd.iterations if iteration.began_s > ended_s + TAKES_S / 5]
    assert not late
    assert not crowd.going
    assert crowd.node.unfinished == 0
    pieces = crowd.node.recorder.drain("n")
    assert {piece.outcome for piece in pieces} == {"ok"}
    assert sum(piece.count for piece in pieces) == len(crowd.iterations)


def test_none_begins_in_a_drain_that_waits_for_a_slow_answer(crowd: Crowd) -> None:
    crowd.takes_s = 0.3
    crowd.begin((0, 3), (1, 3), drain_s=0.1)
    crowd.until(0.1)
    crowd.takes_s = 1.2  # of the next ones
    crowd.until(0.45)
    assert len(crowd.iterations) == 6
    crowd.node.drain()
    assert crowd.node.unfinished == 3
    crowd.until(2.0)
    assert len(crowd.iterations) == 6 and not crowd.going
