"""Users of items: every kind of answer becomes the right operation."""

from __future__ import annotations

import time

import pytest
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.node import Node, set_node
from harness.load.run_plan import Plan
from harness.load.users.items import ItemUser
from harness.recording import INVALIDATE, OK, READ, WRITE
from shapes._profile import Polyline
from tests.http.scripted import CLOSE, scripted
from tests.http.scripted import READ as AWAIT


class Reader(ItemUser):
    abstract = False


def answer(status: int, body: bytes, headers: str = "") -> list[bytes | float | str]:
    head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{headers}\r\n"
    return [AWAIT, head.encode() + body, CLOSE]


def session_at(url: str) -> tuple[Reader, Node]:
    environment = Environment(user_classes=[])
    node = Node("run", Clock(exact=True))
    set_node(environment, node)
    environment.events.request.add_listener(node.recorder.on_request)
    level = Polyline(((0, 0), (60, 0)))
    node.begin(Plan("run", time.monotonic(), 60, "arrivals", level, None, (), 0, paced=False, drain_s=1))
    Reader.host = url
    return Reader(environment), node


FROM_CACHE = "X-Cache: HIT\r\nX-Read-From: cache\r\n"


@pytest.mark.parametrize(
    ("sent", "outcome", "version", "answered", "told"),
    [
        (answer(200, b'{"version": 7}', FROM_CACHE), OK, 7, True, ("cache", "hit")),
        (answer(200, b'{"version": 7}'), OK, 7, True, ("", "")),
        (answer(404, b"", "X-Cache: miss\r\n"), OK, None, True, ("", "miss")),
        (answer(200, b'{"version": "7"}'), "wrong answer", None, False, ("", "")),
        (answer(200, b'{"version": true}'), "wrong answer", None, False, ("", "")),
        (answer(200, b"\xff<html>"), "wrong answer", None, False, ("", "")),
        (answer(200, b"[7]"), "wrong answer", None, False, ("", "")),
        (answer(503, b'{"version": 7}'), "http 503", None, False, ("", "")),
        ([AWAIT, CLOSE], "connection reset", None, False, ("", "")),
    ],
)
def test_what_a_read_was_answered(
    sent: list[bytes | float | str], outcome: str, version: int | None, answered: bool, told: tuple[str, str]
) -> None:
    """Only a version, or that there is none, is an answer; the rest may be anything."""
    with scripted(sent) as service:
        session, node = session_at(service.url)
        found = session.read_item("k")
    (operation,) = node.operations
    assert (operation.kind, operation.version, operation.return_s is not None) == (READ, version, answered)
    assert (operation.source, operation.cache) == told == (found.source, found.cache)
    (piece,) = node.recorder.drain("n")
    assert (piece.name, piece.outcome) == ("GET /items/[key]", outcome)


def test_a_cache_that_could_not_be_told_promises_nothing() -> None:
    """The write was answered well, and counts as one without an answer."""
    untold, well = answer(200, b'{"invalidated": false}'), answer(200, b'{"invalidated": true}')
    with scripted(untold, well, untold, well, answer(409, b"{}")) as service:
        session, node = session_at(service.url)
        assert not session.write_item("k", 1)
        assert session.write_item("k", 2)
        assert not session.forget_item("k")
        assert session.forget_item("k")
        assert not session.write_item("k", 2)
        session.forget_path = ""
        assert session.forget_item("k")
    kept = [(operation.kind, operation.version, operation.return_s is not None) for operation in node.operations]
    assert kept == [
        *((WRITE, 1, False), (WRITE, 2, True), (INVALIDATE, None, False), (INVALIDATE, None, True)),
        (WRITE, 2, False),
    ]
