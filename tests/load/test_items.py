"""Users of items: every kind of answer becomes the right operation."""

from __future__ import annotations

import pytest

from harness.load.node import Node
from harness.load.users.items import ItemUser
from harness.recording import INVALIDATE, READ, WRITE
from harness.recording.values import OK
from tests.http.scripted import CLOSE, scripted
from tests.http.scripted import READ as AWAIT
from tests.load.single_user import single_user


def answer(status: int, body: bytes, headers: str = "") -> list[bytes | float | str]:
    head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{headers}\r\n"
    return [AWAIT, head.encode() + body, CLOSE]


def session_at(url: str) -> tuple[ItemUser, Node]:
    return single_user(ItemUser, url, items_path="/items", forget_path="/cache", keys=3)


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
        session.options.forget_path = ""
        assert session.forget_item("k")
    kept = [(operation.kind, operation.version, operation.return_s is not None) for operation in node.operations]
    assert kept == [
        *((WRITE, 1, False), (WRITE, 2, True), (INVALIDATE, None, False), (INVALIDATE, None, True)),
        (WRITE, 2, False),
    ]


def kept(node: Node) -> list[tuple[str, int | None, bool, str]]:
    return [(each.kind, each.version, each.return_s is not None, each.via) for each in node.operations]


def test_an_item_is_renewed_in_the_order_that_makes_a_lost_invalidation_show() -> None:
    """Removed, cached afresh, written, read back; all by one session."""
    forgotten, well = answer(200, b'{"invalidated": true}'), answer(200, b"{}")
    with scripted(forgotten, answer(200, b'{"version": 1}'), well, answer(200, b'{"version": 2}')) as service:
        session, node = session_at(service.url)
        assert session.renew_item("k", 2)
    assert kept(node) == [
        (INVALIDATE, None, True, "service"),
        (READ, 1, True, "service, own"),
        (WRITE, 2, True, "service"),
        (READ, 2, True, "service, own"),
    ]


def test_while_the_cache_is_away_nothing_is_written() -> None:
    """The service says so when it is to forget, or when it reads past it."""
    past = answer(200, b'{"version": 1}', "X-Cache: bypass\r\n")
    with scripted(answer(200, b'{"invalidated": false}'), answer(200, b"{}"), past) as service:
        session, node = session_at(service.url)
        assert not session.renew_item("k", 2)
        assert not session.renew_item("k", 2)
    assert [kind for kind, *_ in kept(node)] == [INVALIDATE, INVALIDATE, READ]


def test_keys_are_those_of_this_run() -> None:
    session, _ = session_at("http://127.0.0.1:1")
    assert session.key(2) == "run-2"
    assert {session.any_key() for _ in range(200)} == {"run-0", "run-1", "run-2"}
