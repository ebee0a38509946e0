"""Users of a service behind a circuit breaker: which answer counts as one of an open breaker."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from locust.env import Environment

from harness.criteria.breaker import BREAKER_OPEN
from harness.load.clock import Clock
from harness.load.node import Node, set_node
from harness.load.run_plan import Plan
from harness.load.users.guarded import GuardedHttpUser
from harness.recording_values import OK
from shapes._profile import Polyline
from tests.http.scripted import scripted
from tests.load.test_items import answer


class Customer(GuardedHttpUser):
    abstract = False


def outcome_at(url: str, signature: str) -> str:
    options = SimpleNamespace(quote_path="/quote", breaker_signature=signature)
    environment = Environment(user_classes=[], parsed_options=options)
    node = Node("run", Clock(exact=True))
    set_node(environment, node)
    environment.events.request.add_listener(node.recorder.on_request)
    level = Polyline(((0, 0), (60, 0)))
    node.begin(Plan("run", time.monotonic(), 60, "arrivals", level, None, (), 0, paced=False, drain_s=1))
    Customer.host = url
    Customer(environment).ask_for_quote()
    (piece,) = node.recorder.drain("n")
    return piece.outcome


@pytest.mark.parametrize(
    ("status", "body", "signature", "outcome"),
    [
        (200, b"12.50", "503 circuit open", OK),
        (503, b"Circuit OPEN, come later", "503 circuit open", BREAKER_OPEN),
        (503, b"upstream failed", "503 circuit open", "http 503"),
        (500, b"circuit open", "503 circuit open", "http 500"),
        (503, b"", "503 content-length: 0", BREAKER_OPEN),
        (503, b"anything", "503", BREAKER_OPEN),
    ],
)
def test_an_open_breaker_is_known_by_status_and_text(status: int, body: bytes, signature: str, outcome: str) -> None:
    with scripted(answer(status, body)) as service:
        assert outcome_at(service.url, signature) == outcome
