"""Targets that misbehave: each is an outcome, never an exception, and never spoils the next request."""

from __future__ import annotations

import socket
import time

import gevent
import pytest

from harness.load.http import ResponseLimits, Timeouts
from tests.http.conftest import Make
from tests.http.scripted import CLOSE, READ, RESET, STOP_READING, scripted
from tests.http.sockets import until_idle_ends
from tests.ports import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([READ, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", CLOSE], "truncated answer"),
        ([READ, b"HTTP/1.1 200 OK\r\nContent-", CLOSE], "truncated answer"),
        ([READ, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", CLOSE], "truncated answer"),
        ([READ, b"SMTP ready\r\n"], "malformed answer"),
        ([READ, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"], "malformed answer"),
        ([READ, b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000], "answer too large"),
        ([READ, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 200_000, CLOSE], "answer too large"),
        ([READ, CLOSE], "connection reset"),
        ([READ, RESET], "connection reset"),
        ([READ, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", RESET], "connection reset"),
        ([READ, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"], "http 503"),
        ([READ], "first byte timeout"),
        ([READ, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"], "timeout"),
        ([READ, *[b"x", 0.2] * 20], "malformed answer"),
        ([READ, b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", *[b"x", 0.1] * 20], "timeout"),
    ],
)
def test_an_outcome_and_a_fresh_start(make: Make, steps: list[bytes | float | str], outcome: str) -> None:
    """The request is counted under its cause, and the next one goes over a new connection and succeeds."""
    with scripted(steps, [READ, OK, READ, OK]) as server:
        timeouts = Timeouts(total_s=0.8, connect_s=0.5, first_byte_s=0.3)
        made = make(server.url, timeouts=timeouts, limits=ResponseLimits(max_body_bytes=100_000))
        response = made.get("/")
        assert made.outcomes == [outcome]
        assert response.status_code == (503 if outcome == "http 503" else 0) and not response.ok
        if outcome == "http 503":
            return
        assert response.error is made.events[0]["exception"] is not None and response.text == ""
        assert made.get("/", timeout=5).text == "ok" and made.get("/", timeout=5).text == "ok"
        assert made.outcomes[1:] == ["ok", "ok"] and len(server.seen()) == 2


@pytest.mark.parametrize(
    ("timeouts", "outcome", "within_s"),
    [
        (Timeouts(total_s=0.25), "timeout", 0.25),
        (Timeouts(total_s=9, first_byte_s=0.25), "first byte timeout", 0.25),
        (0.25, "timeout", 0.25),
    ],
)
def test_deadlines_strike_on_time(make: Make, timeouts: Timeouts | float, outcome: str, within_s: float) -> None:
    """Not before, and not much after; also when an earlier request on the connection had a later deadline."""
    with scripted([READ, OK, READ]) as server:
        made = make(server.url)
        assert made.get("/", timeout=60).ok
        begun_s = time.monotonic()
        made.get("/", timeout=timeouts)
        assert within_s - 0.01 <= time.monotonic() - begun_s < within_s + 2
        assert made.outcomes == ["ok", outcome]


def test_a_later_deadline_is_not_struck_by_an_earlier_alarm(make: Make) -> None:
    """The alarm of a connection is set once and moved lazily: a short limit must not hit the long request after it."""
    with scripted([READ, OK, READ, 1.5, OK]) as server:
        made = make(server.url)
        assert made.get("/", timeout=1).ok and made.get("/", timeout=20).ok
        assert made.outcomes == ["ok", "ok"]


def test_no_connection_in_time(make: Make) -> None:
    """A listener whose queue is full lets the connection hang: counted as such, not as a slow answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        made = make(f"http://127.0.0.1:{port}", timeouts=Timeouts(total_s=5, connect_s=0.2))
        made.get("/")
        for one in waiting:
            one.close()
    assert made.outcomes == ["connect timeout"]


def test_nobody_there(make: Make) -> None:
    """Refused connections and unknown names have causes of their own."""
    made = make(f"http://127.0.0.1:{free_port()}")
    made.get("/")
    unknown = make("http://no-such-host.invalid")
    unknown.get("/", timeout=5)
    assert made.outcomes == ["connection refused"]
    assert unknown.outcomes[0] in ("name not resolved", "connect timeout")


def test_an_idle_connection_that_was_closed_is_replaced_unseen(make: Make) -> None:
    """Nothing was sent on it, so the request is sent once, on a new connection."""
    with scripted([READ, OK, CLOSE], [READ, OK, RESET], [READ, OK, CLOSE]) as server:
        made = make(server.url)
        for _ in range(3):
            assert made.get("/").text == "ok"
            until_idle_ends(server.port)
        assert made.outcomes == ["ok"] * 3
        assert [seen.count(b"GET") for seen in server.seen()] == [1, 1, 1]


def test_a_request_that_may_have_arrived_is_never_sent_twice(make: Make) -> None:
    """The server read it and closed without an answer: that is an outcome."""
    with scripted([READ, OK, READ, CLOSE], [READ, OK]) as server:
        made = make(server.url)
        made.get("/")
        made.post("/pay", json={"amount": 1})
        assert made.outcomes == ["ok", "connection reset"]
        assert b"".join(server.seen()).count(b"/pay") == 1


def test_surplus_bytes_are_not_the_next_answer(make: Make) -> None:
    """Whether they come with the answer or after it, the connection is given up."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
    with scripted([READ, OK + evil], [READ, OK, 0.05, evil], [READ, OK]) as server:
        made = make(server.url)
        texts = []
        for _ in range(3):
            texts.append(made.get("/").text)
            gevent.sleep(0.4)
        assert texts == ["ok", "ok", "ok"] and len(server.seen()) == 3


@pytest.mark.parametrize(
    "last",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: te, Close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_a_connection_that_is_to_be_closed_is_not_used_again(make: Make, last: bytes) -> None:
    """Also when the peer, who said so, keeps it open."""
    with scripted([READ, last, READ, OK], [READ, OK, READ, OK]) as server:
        made = make(server.url)
        assert [made.get("/").text for _ in range(3)] == ["ok"] * 3
        assert [seen.count(b"GET") for seen in server.seen()] == [1, 2]


def test_redirects_share_the_deadline_of_their_request(make: Make) -> None:
    """It is not begun anew with every hop."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    with scripted([READ, 0.25, moved] * 20) as server:
        made = make(server.url)
        begun_s = time.monotonic()
        made.get("/", timeout=0.6)
        assert 0.59 <= time.monotonic() - begun_s < 3 and made.outcomes == ["timeout"]


def test_an_answer_before_the_request_is_complete(make: Make) -> None:
    """A server that refuses a large body, and closes without reading it, has answered."""
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with scripted([0.05, refusal, STOP_READING]) as server:
        made = make(server.url)
        made.post("/", data=b"x" * 20_000_000, timeout=5)
        made.post("/", data=(b"x" * 100_000 for _ in range(200)), timeout=5)
        assert made.outcomes == ["http 413", "http 413"]


def test_a_peer_that_reads_nothing(make: Make) -> None:
    """Sending has the same deadline as the whole request."""
    with scripted([STOP_READING]) as server:
        made = make(server.url)
        made.post("/", data=b"x" * 20_000_000, timeout=0.5)
        assert made.outcomes == ["timeout"]


def test_interim_answers_and_slow_pieces(make: Make) -> None:
    """100 and 103 come before the answer, in pieces, with pauses."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
    answer = interim + OK
    with scripted(
        [READ, *[piece for at in range(0, len(answer), 9) for piece in (answer[at : at + 9], 0.005)]]
    ) as server:
        made = make(server.url)
        response = made.post("/", data=b"x", headers={"Expect": "100-continue"})
        assert response.text == "ok" and "link" not in response.headers


def test_a_user_killed_in_mid_request_leaves_no_half_answer(make: Make) -> None:
    """The connection is closed; the client can be used on."""
    with scripted([READ, b"HTTP/1.1 200 OK\r\n", 5.0], [READ, OK]) as server:
        made = make(server.url)
        greenlet = gevent.spawn(made.get, "/")
        gevent.sleep(0.2)
        greenlet.kill()
        assert made.events == []
        assert made.get("/").text == "ok"
        assert len(server.seen()) == 2
