"""WebSocket users who are behind with what has come, and peers who are behind with what was sent."""

from __future__ import annotations

import contextlib
import socket
import time
from itertools import pairwise
from typing import Any

import gevent
import pytest
from gevent import get_hub

from harness.load.http.waitable_socket import WaitableSocket
from harness.load.websocket import connection
from harness.load.websocket.connection import ConnectionEndedError, Message
from harness.load.websocket.pings import Pings
from harness.load.websocket.transport import Transport
from tests.http.scripted import CLOSE, READ, scripted
from tests.load.test_websocket import OPEN, frame, hear
from tests.load.test_websocket import known_key as known_key  # the fixture
from tests.load.test_websocket import users as users  # the fixture


def come_back(user: Any) -> None:
    """Over the loss of its first connection; ``on_open`` of the second is the test's."""
    assert user.open()
    with gevent.Timeout(10):
        while len(user.outcomes("connection /feed opened")) < 2 or not user.heard:
            user.stay_connected(time.monotonic() + 0.05)


def test_what_came_before_we_said_anything_answers_nothing(users: Any) -> None:
    def on_open(self: Any) -> None:
        while len(self.outcomes("connection /feed opened")) == 2 and not self.connection._unread:
            gevent.sleep(0.01)
        self.send("hello")

    with scripted([READ, OPEN, CLOSE], [READ, OPEN, 0.05, frame(b"news")]) as server:
        user = users(server.url, stable_s=30.0, on_open=on_open)
        come_back(user)
    assert user.heard == ["news"] and not user.outcomes("WS /feed reconnect")


def test_what_went_nowhere_is_not_answered(users: Any) -> None:
    """The connection has ended, with a message unread: the user was kicked."""
    sent: list[bool] = []

    def on_open(self: Any) -> None:
        while len(self.outcomes("connection /feed opened")) == 2 and self.connection._ended is None:
            gevent.sleep(0.01)
        sent.append(self.send("hello"))

    with scripted([READ, OPEN, CLOSE], [READ, OPEN, frame(b"news"), CLOSE], [READ, OPEN]) as server:
        user = users(server.url, stable_s=30.0, on_open=on_open)
        come_back(user)
        user.stay_connected(time.monotonic() + 0.1)
    assert sent[1] is False
    assert user.outcomes("attempt /feed reconnect")[0] == "kicked" and not user.outcomes("WS /feed reconnect")


class Torrent:
    """A feed that is as fast as whoever reads it."""

    def __init__(self) -> None:
        self.most_s = time.monotonic() + 20

    def receive(self) -> Message | None:
        now_s = time.monotonic()
        assert now_s < self.most_s, "never an end"
        return Message("x", now_s)

    def abort(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("end", ["until", "ending"])
def test_a_torrent_holds_neither_the_process_nor_the_end(users: Any, end: str) -> None:
    user = users("http://127.0.0.1:1")
    user.connection = Torrent()
    user.connection.interrupt = lambda: None
    turns: list[float] = []

    def others() -> None:
        while True:
            turns.append(time.monotonic())
            gevent.sleep(0.01)

    beside = gevent.spawn(others)

    def over() -> None:
        user.node.ending = True
        user._on_run_ending()

    began_s = time.monotonic()
    ending = gevent.spawn_later(1.0, over) if end == "ending" else None
    try:
        user.listen(began_s + (1.0 if end == "until" else 60))
    finally:
        gevent.killall([beside, *([ending] if ending else [])])
    assert len(turns) >= 3 and user.heard


FLOODS = {
    "of pongs": frame(b"", opcode=10) * 40_000 + frame(b"over"),
    "of empty fragments": frame(b"over", fin=False) + frame(b"", opcode=0, fin=False) * 40_000 + frame(b"", opcode=0),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_frames_that_are_no_messages_leave_others_their_turns(users: Any, flood: str) -> None:
    turns: list[float] = []
    """In seconds of CPU of this thread: what others take of the machine holds up nobody here."""

    def others() -> None:
        while True:
            turns.append(time.thread_time())
            gevent.sleep(0.001)

    with scripted([READ, OPEN + FLOODS[flood]]) as server:
        user = users(server.url)
        beside = gevent.spawn(others)
        gevent.sleep(0.005)
        try:
            assert user.open()
            until_s = time.monotonic() + 20
            while not user.heard and time.monotonic() < until_s:
                user.listen(time.monotonic() + 0.01)
        finally:
            beside.kill()
    assert user.heard == ["over"]
    assert max(after - before for before, after in pairwise(turns)) < 0.5 * (turns[-1] - turns[0])


class Silent:
    pong = None
    reading_since_s = 0.0

    def ping(self, data: bytes) -> None:
        """Never answered."""


def test_a_pong_that_nobody_could_read_is_not_missing(users: Any) -> None:
    user = users("http://127.0.0.1:1", ping_every_s=1.0, ping_timeout_s=10.0)
    pings, peer = Pings(user), Silent()
    pings.begin(0.0)
    assert pings.next_s(peer, 1.0) == 11.0  # type: ignore[arg-type]
    peer.reading_since_s = 15.0
    assert pings.next_s(peer, 16.0) == 25.0  # type: ignore[arg-type]
    with pytest.raises(ConnectionEndedError, match="no pong"):
        pings.next_s(peer, 25.0)  # type: ignore[arg-type]


def test_the_round_trip_of_a_ping_has_nothing_of_our_pause(users: Any) -> None:
    user = users("http://127.0.0.1:1", ping_every_s=1.0, ping_timeout_s=10.0)
    pings, peer = Pings(user), Silent()
    pings.begin(0.0)
    pings.next_s(peer, 1.0)  # type: ignore[arg-type]
    peer.reading_since_s, peer.pong = 5.0, Message(b"1", 5.1)  # type: ignore[assignment]
    pings.next_s(peer, 6.0)  # type: ignore[arg-type]
    assert not user.outcomes("ping /feed")


def test_reading_is_said_to_go_on_after_a_pause(users: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_UNREAD", 3)
    with scripted([READ, OPEN + b"".join(frame(b"%d" % i) for i in range(7))]) as server:
        user = users(server.url)
        assert user.open()
        opened_s = time.monotonic()
        hear(user, 7)
        assert len(user.heard) == 7 and user.connection.reading_since_s > opened_s


@pytest.mark.parametrize(
    "frames",
    [
        frame(b"x" * 110),
        frame(b"x" * 60, fin=False) + frame(b"x" * 60, opcode=0),
        frame(b"x" * 60, fin=False) + frame(b"x" * 30, opcode=0, fin=False) + b"\x00\x20abc",
    ],
    ids=["one frame", "fragments", "half a fragment"],
)
def test_a_message_is_bounded_however_it_comes(users: Any, frames: bytes) -> None:
    with scripted([READ, OPEN + frame(b"x" * 90) + frame(b"y" * 100), frames]) as server:
        user = users(server.url, longest_message_bytes=100)
        assert user.open()
        user.listen(time.monotonic() + 20)
    assert user.heard == ["x" * 90, "y" * 100] and user.outcomes("connection /feed ended") == ["message too large"]


def test_a_pong_goes_out_as_soon_as_the_peer_reads_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = WaitableSocket(socket.AF_INET)
        with contextlib.suppress(BlockingIOError):
            ours.raw.connect(listener.getsockname())
        peer, _ = listener.accept()
        ours.wait_writable(time.monotonic() + 5)
    with peer:
        transport = Transport(ours, "127.0.0.1", None, time.monotonic() + 5)
        transport.blocking = False
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.raw.send(b"x" * 65536)
        get_hub().loop.run_callback(transport.send, b"pong")
        gevent.sleep(0.01)
        assert transport._unsent == b"pong"
        peer.setblocking(False)
        end = b""
        with gevent.Timeout(5):
            while not end.endswith(b"pong"):
                with contextlib.suppress(BlockingIOError):
                    end = (end + peer.recv(1 << 20))[-8:]
                gevent.sleep(0)
        ours.close()
