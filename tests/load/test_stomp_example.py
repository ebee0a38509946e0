"""What the example for STOMP says, and what it makes of a broker that refuses it or falls silent."""

from __future__ import annotations

import runpy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

import harness
from harness.load.pacing import Start
from tests.http.scripted import READ, Scripted, scripted
from tests.load.test_websocket import OPEN, frame
from tests.load.test_websocket import known_key as known_key  # the fixture
from tests.load.test_websocket import users as users  # the fixture

EXAMPLE = Path(__file__).parents[2] / "examples" / "stomp_feed.py"
CHOSEN = OPEN.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n")
CONNECTED = frame(b"CONNECTED\nversion:1.2\nheart-beat:5000,5000\n\n\0\n")
SUBSCRIBED = frame(b"RECEIPT\nreceipt-id:SUBSCRIBE\n\n\0")
DELIVERED = frame(b"MESSAGE\nsubscription:1\nmessage-id:7\ndestination:/topic/t\nack:ID\\c7\n\n1\0\n")
RECEIVED = frame(b"RECEIPT\nreceipt-id:SEND 1\n\n\0\n")
HEART_BEAT = frame(b"\n")

Follow = Callable[[Scripted, str], Any]


@pytest.fixture
def follow(users: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Follow]:
    """A user of the herd goes about its task until something of that name was counted; then its run ends."""
    monkeypatch.setattr(harness, "attach", lambda *_, **__: None)
    example: Any = runpy.run_path(str(EXAMPLE))["Follower"]
    for name, value in {"TURN_S": 0.2, "SILENT_TURNS": 5}.items():
        monkeypatch.setitem(example.follow.__globals__, name, value)
    attributes = {name: value for name, value in vars(example).items() if not name.startswith("__")}

    def until_counted(server: Scripted, name: str) -> Any:
        user = users(server.url, **attributes)
        user.current_start = Start(0.0, time.monotonic(), SimpleNamespace(user_sent=lambda _: None))
        following = gevent.spawn(user.follow)
        with gevent.Timeout(20):
            while not user.outcomes(name):
                gevent.sleep(0.01)
        user.node.drain(still_answering=False)
        following.join(20)
        assert following.successful()
        return user

    yield until_counted


def said(seen: bytes) -> Iterator[str]:
    """The messages of a client, whose frames are masked."""
    rest = seen.partition(b"\r\n\r\n")[2]
    while rest:
        opcode, length = rest[0] & 0x0F, rest[1] & 0x7F
        head = 4 if length == 126 else 2
        length = int.from_bytes(rest[2:4]) if length == 126 else length
        mask, body, rest = rest[head : head + 4], rest[head + 4 : head + 4 + length], rest[head + 4 + length :]
        if opcode == 1:
            yield bytes(byte ^ mask[i % 4] for i, byte in enumerate(body)).decode()


def test_it_connects_subscribes_says_acknowledges_and_takes_its_leave(follow: Follow) -> None:
    with scripted([READ, CHOSEN, CONNECTED, SUBSCRIBED, HEART_BEAT, DELIVERED, RECEIVED]) as server:
        user = follow(server, "message SEND")
        (seen,) = server.seen()
    assert b"Sec-WebSocket-Protocol: v12.stomp\r\n" in seen
    connect, subscribe, send, ack, disconnect = said(seen)
    assert connect.startswith("CONNECT\n") and connect.endswith("\n\n\0")
    assert {"accept-version:1.2", "heart-beat:5000,5000", "host:/", "login:guest"} <= set(connect.splitlines())
    assert {"SUBSCRIBE", "ack:client-individual", "id:1", "receipt:SUBSCRIBE"} <= set(subscribe.splitlines())
    assert {"SEND", "receipt:SEND 1"} <= set(send.splitlines()) and send.endswith("\n\n1\0")
    assert ack == "ACK\nid:ID\\c7\n\n\0" and disconnect == "DISCONNECT\n\n\0"
    for answer in ("CONNECT", "SUBSCRIBE", "MESSAGE", "SEND"):
        assert user.outcomes(f"message {answer}") == ["ok"]
    assert user.outcomes("connection /ws ended") == ["ok"] and not user.outcomes("message (unreadable)")


def test_what_comes_twice_is_doubled(follow: Follow) -> None:
    with scripted([READ, CHOSEN, CONNECTED, SUBSCRIBED, DELIVERED, DELIVERED, RECEIVED]) as server:
        assert follow(server, "message SEND").outcomes("message MESSAGE") == ["ok", "doubled"]


def test_an_error_frame_ends_the_connection_as_a_failure_and_it_comes_back(follow: Follow) -> None:
    """Which the broker has left open."""
    refusal = frame(b"ERROR\nmessage:Unknown destination\n\nwhat it is\0")
    with scripted([READ, CHOSEN, CONNECTED, SUBSCRIBED, refusal], [READ, CHOSEN, CONNECTED, SUBSCRIBED]) as server:
        user = follow(server, "WS /ws reconnect")
    assert user.outcomes("connection /ws ended")[0] == "ERROR frame"


def test_a_broker_without_a_heart_beat_is_given_up(follow: Follow) -> None:
    with scripted([READ, CHOSEN, CONNECTED, SUBSCRIBED], [READ, CHOSEN, CONNECTED, SUBSCRIBED]) as server:
        user = follow(server, "connection /ws ended")
    assert user.outcomes("connection /ws ended")[0] == "no heart-beat"


def test_a_broker_that_beats_is_kept_as_long_as_nothing_else_comes(follow: Follow) -> None:
    beats = [0.1, HEART_BEAT] * 15
    with scripted([READ, CHOSEN, CONNECTED, SUBSCRIBED, *beats, RECEIVED]) as server:
        user = follow(server, "message SEND")
    assert user.outcomes("connection /ws ended") == ["ok"]
