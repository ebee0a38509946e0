"""Classes of users with levels of their own: what nodes make of the plan, and what is counted of each class."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import gevent
import pytest
from locust import User

from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.pacing import Slot
from harness.load.run_plan import Plan
from harness.load.users.class_problems import count_problems, spread_problems
from harness.recording import Slice
from harness.recording.marks import ARRIVALS, StartsMark, gate_stream
from harness.recording.values import UNSERVED
from shapes import herd, step, timeline
from shapes._dispatcher import placed
from shapes._profile import Profile
from shapes.timeline import Level

EXACT = Clock(exact=True)
NODES = 2


class Buyer(User):
    pass


class Reader(User):
    pass


CLASSES: dict[str, type[User]] = {"Buyer": Buyer, "Reader": Reader}


class Cluster:
    """Nodes with users as Locust would have placed them, through one second of a plan."""

    def __init__(self, profile: Profile, takes_s: float = 0.001, nodes: int = NODES) -> None:
        self.nodes = [Node("r", EXACT, index, nodes) for index in range(nodes)]
        self.takes_s = takes_s
        self._users: list[gevent.Greenlet[..., Any]] = []
        pools = {load.user_class: load.pool_users for load in profile.by_class}
        users = placed(sorted(pools), pools, [str(place) for place in range(nodes)])
        for place, node in enumerate(self.nodes):
            node.recorder.by_class = True
            for name, count in users[str(place)].items():
                for _ in range(count):
                    kind = CLASSES[name]
                    self._users.append(gevent.spawn(self._work, kind.__new__(kind), node))
        gevent.sleep(0)
        plan = Plan.of(profile, run="r", origin_s=time.monotonic() + 0.05, paced=True, seed=None, drain_s=0.2)
        for share, node in enumerate(self.nodes):
            node.begin(Plan.from_message(plan.for_node(share, nodes).to_message()))

    def _work(self, user: User, node: Node) -> None:
        kind = type(user).__name__
        while True:
            node.iterations.end()
            slot = Slot()
            slot.kind = kind
            start = node.park(slot)
            assert start is not None
            node.iterations.begin(start, kind)
            sent_s = time.monotonic()
            gevent.sleep(self.takes_s)
            node.recorder.on_request("GET", "/", 1, 0, sent_s=sent_s, done_s=time.monotonic())

    def finish(self, after_s: float) -> None:
        gevent.sleep(after_s)
        for node in self.nodes:
            node.drain()
        gevent.killall(self._users)

    def marks(self) -> list[StartsMark]:
        return [mark for node in self.nodes for mark in node.streams.take("n")]

    def slices(self) -> list[Slice]:
        return [piece for node in self.nodes for piece in node.recorder.drain("n")]


def counted(marks: list[StartsMark], stream: str) -> Counter[str]:
    return sum((Counter(mark.starts) for mark in marks if mark.stream == stream), Counter[str]())


def profile(levels: dict[str, Any], phases: str = "spike 1") -> Profile:
    shape: Any = type("One", (timeline.Timeline,), {"phases": phases, "class_levels": lambda _: levels})()
    shape.user_classes = tuple(levels)
    assert shape.problems() == []
    return shape.profile()


def test_each_class_follows_its_own_level_over_all_nodes() -> None:
    cluster = Cluster(profile({"Buyer": Level(10), "Reader": Level(41)}))
    cluster.finish(1.2)
    assert counted(cluster.marks(), ARRIVALS) == {"Buyer": 10, "Reader": 41}
    of_class: Counter[str] = Counter()
    for piece in cluster.slices():
        of_class[piece.user_class] += piece.count
    assert of_class == {"Buyer": 10, "Reader": 41}


def test_a_herd_is_of_its_class_alone_and_whole() -> None:
    cluster = Cluster(profile({"Buyer": Level(5, herds={"spike": 21}), "Reader": Level(5)}))
    cluster.finish(1.2)
    assert counted(cluster.marks(), gate_stream("spike")) == {"Buyer": 21}
    gates = [mark for node in cluster.nodes for mark in node.gate_marks]
    assert sum(mark.planned for mark in gates) == sum(len(mark.sent_us) for mark in gates) == 21


def test_a_herd_is_whole_where_its_class_is_not_dealt_out_from_the_first_node_on() -> None:
    cluster = Cluster(profile({"Buyer": Level(5), "Reader": Level(5, herds={"spike": 1}, users=4)}), nodes=3)
    cluster.finish(1.2)
    assert sum(mark.planned for node in cluster.nodes for mark in node.gate_marks) == 1


def test_a_shared_herd_has_each_class_by_its_share() -> None:
    shape: Any = type(
        "Shared",
        (herd.Herd,),
        {
            "baseline_s": 0,
            "spike_s": 1,
            "recovery_s": 0,
            "herd_users": 40,
            "canary_per_s": 20.0,
            "class_levels": lambda _: {"Buyer": 0.25, "Reader": 0.75},
        },
    )()
    assert shape.problems() == []
    cluster = Cluster(shape.profile())
    cluster.finish(1.2)
    marks = cluster.marks()
    assert counted(marks, gate_stream("herd")) == {"Buyer": 10, "Reader": 30}
    assert counted(marks, ARRIVALS) == {"Buyer": 5, "Reader": 15}


def test_what_a_slow_class_did_not_serve_is_told_of_it() -> None:
    """It has two users, who never come back; the other class is served whole."""
    levels = {"Buyer": Level(20, users=2), "Reader": Level(20)}
    cluster = Cluster(profile(levels), takes_s=5.0)
    cluster.finish(1.2)
    unserved: Counter[str] = Counter()
    for piece in cluster.slices():
        unserved[piece.user_class] += piece.count if piece.outcome == UNSERVED else 0
    assert +unserved == {"Buyer": 18}


def test_greenlets_that_a_user_has_spawned_are_of_its_class() -> None:
    node = Node("r", EXACT)
    node.recorder.by_class = True
    seen: list[str] = []

    def look() -> None:
        seen.append(node.recorder.class_of(gevent.getcurrent()))

    def work(user: User) -> None:  # noqa: ARG001
        look()
        gevent.spawn(look).join()

    gevent.spawn(work, Buyer.__new__(Buyer)).join()
    look()
    assert seen == ["Buyer", "Buyer", ""]


# Before any load


class Step(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 5, 5, 5, 5, 5, 10


class Shared(Step):
    def class_levels(self) -> dict[str, Any]:
        return {"Many": 1.0, "Few": Level(2)}


def classes(**attributes: dict[str, int]) -> list[type[User]]:
    return [type(name, (User,), values) for name, values in attributes.items()]


@pytest.mark.parametrize(
    ("shape", "users", "words"),
    [
        (Step, classes(Many={"weight": 100}, Few={"weight": 1}), "Few: of a pool of 10 users it would get none"),
        (Step, classes(Many={"fixed_count": 12}, Few={}), "fixed_count add up to 12 users, and the pool has 10"),
        (Shared, classes(Many={"weight": 3}, Few={}), "Many.weight: the shape's class_levels() says how many"),
        (Shared, classes(Many={}, Few={"fixed_count": 3}), "Few.fixed_count: the shape's class_levels() says"),
    ],
)
def test_a_class_that_would_have_no_users_is_refused(shape: type[Step], users: Any, words: str) -> None:
    made = shape()
    made.parked = True
    (problem,) = count_problems(users, made)
    assert words in problem


def test_weights_that_give_each_class_some_are_fine() -> None:
    made = Step()
    made.parked = True
    assert not list(count_problems(classes(Many={"weight": 4}, Few={"fixed_count": 2}), made))


def test_more_load_processes_than_users_of_a_class_are_refused() -> None:
    (problem,) = spread_problems(profile({"Buyer": Level(1, users=1), "Reader": Level(1)}), 2)
    assert problem.startswith("Buyer: its level has 1 of the users, too few for 2 load processes")
