"""Users who are parked in this process, and a node that starts them."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from gevent.pool import Group
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.present_node import set_node
from harness.load.run_plan import Plan
from harness.load.users.paced import Paced
from shapes._profile import Herd, Polyline

LATER_S = 3600.0
"""On the time axis of the run: an instant that comes when the test says so, see :class:`SteeredClock`."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
USERS = 8


class SteeredClock(Clock):
    """The gate sees within half a second that the master's time is another one."""

    def jump_to(self, master_s: float) -> None:
        self._offset_s = master_s - time.monotonic()


@contextmanager
def parked(kind: type[Paced], count: int) -> Iterator[tuple[Node, list[Paced]]]:
    """Users as Locust's runner starts them, parked and waiting for the plan; stopped in the end."""
    environment = Environment()
    node = Node("run", SteeredClock(exact=True))
    set_node(environment, node)
    environment.events.request.add_listener(node.recorder.on_request)
    group = Group()
    users = [kind(environment) for _ in range(count)]
    for user in users:
        user.start(group)
    wait_until(lambda: node.parked == count)
    try:
        yield node, users
    finally:
        for user in users:
            user.stop(force=True)
        group.join(timeout=5)


def begin(
    node: Node,
    herds: tuple[float, ...] = (),
    starts_per_s: float = 0.0,
    held: tuple[Herd, ...] = (),
    users: int = 4,
    duration_s: float = 1.0,
) -> None:
    """Herds of everybody at these seconds, or starts at this rate for so long, by ``users`` where others are
    ``held``.
    """
    node.begin(
        Plan(
            run="run",
            origin_s=time.monotonic(),
            duration_s=math.ceil(duration_s),
            pacing="arrivals",
            level=Polyline(((0, starts_per_s), (duration_s, starts_per_s))),
            seed=None,
            herds=held or tuple(Herd("herd", t, USERS) for t in herds),
            background_users=0 if herds else users if held else USERS,
            paced=True,
            drain_s=5.0,
        )
    )


def come_to_later(node: Node) -> None:
    """To shortly before it: everybody is back in the gate, however long the herd before took on this machine."""
    assert node.plan is not None and isinstance(node.clock, SteeredClock)
    wait_until(lambda: not node.recorder.starts)
    node.clock.jump_to(node.plan.origin_s + LATER_S - 0.1)


def wait_until(reached: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline_s, "not in time"
        gevent.sleep(0.01)


def outcomes(node: Node) -> dict[str, int]:
    """What became of every start, once all is over."""
    node.drain()
    counts: Counter[str] = Counter()
    for one in node.recorder.drain("node"):
        counts[one.outcome] += one.count
    return dict(counts)
