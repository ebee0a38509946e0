"""What paced users ask for while they get ready is warm-up, whenever it was sent and answered; all else is load."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import gevent
import pytest
from locust import task
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.http import HerdHttpUser, PacedHttpUser
from harness.load.http.request import Request
from harness.load.node import Node
from harness.load.pacing import Start
from harness.load.present_node import set_node
from harness.load.run_plan import Plan
from harness.recording.values import OK
from shapes._profile import Polyline
from tests import service

Counts = dict[tuple[bool, str], tuple[int, int]]
"""(warm-up, name) → requests, and how many of them began an iteration."""


@pytest.fixture(scope="module")
def target() -> Iterator[service.Service]:
    with service.running() as it:
        yield it


def counted(kind: type[PacedHttpUser], users: int = 1) -> Counts:
    """Users of the class, and a second in which 10 arrive; it begins 0.2 s after one of them has parked."""
    environment = Environment(user_classes=[kind])
    node = Node("r", Clock(exact=True))
    set_node(environment, node)
    environment.events.request.add_listener(node.recorder.on_request)
    runner = environment.create_local_runner()
    try:
        runner.spawn_users({kind.__name__: users})
        with gevent.Timeout(5):
            while not node.parked:
                gevent.sleep(0.01)
        level = Polyline(((0, 10), (1, 10)))
        origin_s = time.monotonic() + 0.2
        node.begin(Plan("r", origin_s, 1, "arrivals", level, None, (), users, paced=True, drain_s=2))
        gevent.sleep(1.25)
        node.drain()
        pieces = node.recorder.drain("n")
    finally:
        runner.quit()
    sums: dict[tuple[bool, str], list[int]] = defaultdict(lambda: [0, 0])
    for piece in pieces:
        assert piece.outcome == OK, piece
        sums[piece.warm_up, piece.name][0] += piece.count
        sums[piece.warm_up, piece.name][1] += piece.starts or 0
    return {key: (count, starts) for key, (count, starts) in sums.items()}


def test_a_form_that_is_fetched_for_each_iteration_is_never_its_first_request(target: service.Service) -> None:
    class Member(HerdHttpUser):
        host = target.url

        def prepare(self) -> Request:
            self.client.get("/form?latency_ms=2", name="/form")
            return self.client.prepare("POST", "/login")

    found = counted(Member)
    assert found[False, "POST /login"] == (10, 10)
    assert found[True, "GET /form"] == (11, 0)
    assert len(found) == 2


def test_what_is_sent_before_the_origin_and_answered_after_it_is_warm_up(target: service.Service) -> None:
    """In ``on_start``, by a user who is late."""

    class Late(PacedHttpUser):
        host = target.url

        def on_start(self) -> None:
            for _ in range(2 if self.number else 0):
                self.client.get("/start?latency_ms=300", name="/start")

        @task
        def work(self) -> None:
            self.client.get("/work")

    found = counted(Late, users=2)
    assert found == {(True, "GET /start"): (2, 0), (False, "GET /work"): (10, 10)}


def spawning_user(node: Node) -> None:
    """Its requests are answered, in greenlets that it has spawned, when it does something else."""
    sends: list[tuple[str, float]] = []

    def send(name: str) -> None:
        gevent.sleep(0.003)
        sends.append((name, time.monotonic()))
        gevent.sleep(0.003)

    def answer() -> None:
        for name, sent_s in sends:
            node.recorder.on_request("GET", name, 1, 0, sent_s=sent_s, done_s=time.monotonic())

    node.iterations.end()
    send("ready")
    node.recorder.is_ready(gevent.getcurrent())
    send("parked")
    gevent.spawn(answer).join()
    node.iterations.begin(Start(0.0, time.monotonic()), "a")
    send("started")
    gevent.spawn(answer).join()
    sends.clear()
    send("later")
    node.iterations.end()
    gevent.spawn(answer).join()


def test_an_answer_belongs_to_what_its_user_did_when_it_was_sent() -> None:
    node = Node("r", Clock(exact=True))
    node.recorder.begin(time.monotonic())
    gevent.spawn(spawning_user, node).get()
    found = Counter[tuple[bool, str, bool]]()
    for piece in node.recorder.drain("n"):
        found[piece.warm_up, piece.name, bool(piece.starts)] += piece.count
    assert found == {
        (True, "GET ready", False): 2,
        (False, "GET parked", False): 2,
        (False, "GET started", True): 1,
        (False, "GET later", False): 1,
    }
