"""Requests that a task does not wait for to the end, in greenlets that it has spawned or not: none is silence."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from locust import FastHttpUser, HttpUser, User, task
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.http import PacedHttpUser
from harness.load.node import Node
from harness.load.present_node import set_node
from harness.load.run_plan import Plan
from harness.load.stock_clients import count_all_requests
from harness.load.users.measured import Measured
from harness.load.users.paced import Paced
from shapes._profile import Polyline
from tests.http.scripted import READ, scripted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FOR_EVER = 20.0

Sends = Callable[[Any], None]
"""Sends one request for a user, called slow, which is never answered."""


def get(user: Any) -> None:
    user.client.get("/", name="slow")


def wait_for_nothing(user: Any) -> None:
    with user.measure("GET", "slow"):
        gevent.sleep(FOR_EVER)


class Stock(Paced, HttpUser):
    abstract, sends = True, staticmethod(get)


class Fast(Paced, FastHttpUser):
    abstract, sends = True, staticmethod(get)


class Lean(PacedHttpUser):
    abstract, sends, connect_early = True, staticmethod(get), False


class Own(Paced, Measured):
    abstract, sends = True, staticmethod(wait_for_nothing)


def kill(sends: Sends, user: Any) -> None:
    waiting = gevent.spawn(sends, user)
    waiting.join(0.1)
    waiting.kill()


def limit(sends: Sends, user: Any) -> None:
    with gevent.Timeout(0.1, False):
        sends(user)


def forget(sends: Sends, user: Any) -> None:
    gevent.spawn(sends, user)


def outcomes(kind: type[User], ends: Callable[[Sends, Any], None]) -> tuple[Counter[tuple[str, str]], int]:
    """(name, outcome) → count, and the number of iterations begun, of one that also counts something good."""
    count_all_requests()
    environment = Environment()
    node = Node("r", Clock(exact=True))

    class Once(kind):  # type: ignore[misc, valid-type]
        @task
        def go(self) -> None:
            now_s = time.monotonic()
            self.environment.events.request.fire(
                request_type="", name="good", response_time=0, response_length=0, exception=None, response=None,
                context={}, sent_s=now_s, done_s=now_s,
            )  # fmt: skip
            ends(kind.sends, self)  # type: ignore[attr-defined]

    environment.user_classes = [Once]
    set_node(environment, node)
    environment.events.request.add_listener(node.recorder.on_request)
    runner = environment.create_local_runner()
    with scripted([READ, FOR_EVER, OK]) as server:
        Once.host = server.url
        try:
            runner.spawn_users({"Once": 1})
            with gevent.Timeout(5):
                while not node.parked:
                    gevent.sleep(0.01)
            origin_s = time.monotonic() + 0.1
            node.begin(Plan("r", origin_s, 1, "arrivals", Polyline(((0, 1), (1, 1))), None, (), 1, True, drain_s=0.3))
            gevent.sleep(1)
            node.drain()
            assert not node.unanswered(), "what is counted is told no second time"
            pieces = node.recorder.drain("n")
        finally:
            runner.quit()
    counted = Counter[tuple[str, str]]()
    for piece in pieces:
        counted[piece.name, piece.outcome] += piece.count
    return counted, sum(piece.starts or 0 for piece in pieces)


@pytest.mark.parametrize("kind", [Stock, Fast, Lean, Own])
@pytest.mark.parametrize(("ends", "outcome"), [(kill, "given up"), (forget, "unfinished"), (limit, "timeout")])
def test_a_request_for_which_nobody_waits_any_more_has_failed(kind: type[User], ends: Any, outcome: str) -> None:
    assert outcomes(kind, ends) == ({("good", "ok"): 1, ("GET slow", outcome): 1}, 1)
