"""Clients that others have made, for HTTP/2 (httpx) and gRPC (grpcio): what ends a stream or a call is told by its
name, and what ends one does not end its neighbours.
"""

from __future__ import annotations

import runpy
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import grpc
import httpx
import pytest
from grpc.experimental import gevent as grpc_gevent
from locust.env import Environment

from harness.load.outcomes import outcome_of
from harness.load.recorder import Recorder
from harness.load.users.measured import Measured
from tests.http.scripted import READ, scripted
from tests.run.services import served

EXAMPLE = Path(__file__).parents[2] / "examples" / "grpc_api.py"
METHOD = "/grpc.health.v1.Health/Check"


class Caller(Measured):
    """Of nobody's run: its events are kept."""

    abstract = True

    def __init__(self) -> None:
        super().__init__(Environment())
        self.outcomes: list[str] = []
        self.environment.events.request.add_listener(
            lambda **event: self.outcomes.append(outcome_of(event["exception"], event["response"]))
        )


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    with served("tests.http.h2_peer") as url:
        yield url


def client(url: str) -> httpx.Client:
    """As in examples/http2_api.py."""
    limits = httpx.Limits(max_connections=1, keepalive_expiry=None)
    timeout = httpx.Timeout(None, connect=5)
    return httpx.Client(base_url=url, http1=False, http2=True, limits=limits, timeout=timeout, trust_env=False)


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/well", "ok"),
        ("/reset/7", "http/2 reset, refused stream"),
        ("/reset/2", "http/2 reset, internal error"),
        ("/goaway/11", "http/2 goaway, enhance your calm"),
        ("/goaway/0", "http/2 goaway, no error"),
        ("/silent", "timeout"),
    ],
)
def test_what_ends_a_stream_is_told_by_its_name(peer: str, path: str, outcome: str) -> None:
    caller = Caller()
    within_s = 0.5 if outcome == "timeout" else 20
    with client(peer) as http, gevent.Timeout(within_s, False), caller.measure("GET", path):
        http.get(path)
    assert caller.outcomes == [outcome]


def test_an_answer_that_is_given_has_its_status_and_media_type_recorded(peer: str) -> None:
    caller = Caller()
    recorder = Recorder()
    caller.environment.events.request.add_listener(recorder.on_request)
    with client(peer) as http, caller.measure("GET", "/well") as measured:
        measured.response = http.get("/well")
    recorder.begin(0.0)
    (piece,) = recorder.drain("n")
    assert (piece.outcome, piece.status, piece.media_type) == ("ok", 200, "text/plain")


def test_what_is_no_http2_and_what_is_not_there(peer: str) -> None:
    caller = Caller()
    with client(peer) as http, caller.measure("GET", "/"):
        http.get("/hang-up")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with client(f"http://127.0.0.1:{nobody.getsockname()[1]}") as http, caller.measure("GET", "/"):
            http.get("/")
    with (
        scripted([READ, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "close"]) as server,
        client(server.url) as http,
        caller.measure("GET", "/"),
    ):
        http.get("/")
    assert caller.outcomes == ["connection reset", "connection refused", "connection reset"]


def test_a_stream_that_is_given_up_or_reset_leaves_its_neighbours_alone(peer: str) -> None:
    """All on one connection, at the same time."""
    caller, said = Caller(), list[str]()

    def ask(path: str, within_s: float = 5.0) -> None:
        with gevent.Timeout(within_s, False), caller.measure("GET", path):
            said.append(http.get(path).text)

    with client(peer) as http:
        ask("/first")
        waiting = [gevent.spawn(ask, "/silent", 0.3) for _ in range(5)]
        waiting += [gevent.spawn(ask, "/reset/8") for _ in range(5)]
        waiting += [gevent.spawn(ask, "/well") for _ in range(20)]
        gevent.joinall(waiting, timeout=10)
        ask("/last")
        (pool,) = {id(connection) for connection in http._transport._pool.connections}  # type: ignore[attr-defined]
    assert pool and sorted(set(said)) == ["first", "last", "well"] and len(said) == 22
    assert {outcome: caller.outcomes.count(outcome) for outcome in set(caller.outcomes)} == {
        "ok": 22,
        "timeout": 5,
        "http/2 reset, cancel": 5,
    }


@pytest.fixture(scope="module", autouse=True)
def cooperative_grpc() -> None:
    grpc_gevent.init_gevent()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("UNAVAILABLE", "grpc unavailable"),
        ("RESOURCE_EXHAUSTED", "grpc resource exhausted"),
        ("slow", "grpc deadline exceeded"),
    ],
)
def test_a_call_that_fails_is_told_by_its_status_and_no_neighbour_waits(fault: str, outcome: str) -> None:
    caller = Caller()

    def ask(call: Any) -> None:
        with caller.measure("gRPC", METHOD):
            call(b"", timeout=2.0)

    with (
        served("grpc_service", fault) as url,
        grpc.insecure_channel(url.partition("//")[2]) as channel,
    ):
        call = channel.unary_unary(METHOD)
        gevent.joinall([gevent.spawn(ask, call) for _ in range(9)], timeout=10)
    assert sorted(caller.outcomes) == sorted([outcome] * 3 + ["ok"] * 6)


def test_nobody_there_is_unavailable() -> None:
    caller = Caller()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with grpc.insecure_channel(f"127.0.0.1:{nobody.getsockname()[1]}") as channel, caller.measure("gRPC", METHOD):
            channel.unary_unary(METHOD)(b"", timeout=5)
    assert caller.outcomes == ["grpc unavailable"]


@pytest.mark.parametrize(
    ("method", "answer", "outcome"),
    [
        (METHOD, b"\x08\x01", "ok"),
        (METHOD, b"\x08\x02", "not serving"),
        (METHOD, b"", "empty answer"),
        ("/shop.Orders/Create", b"\x08\x02", "ok"),
    ],
)
def test_a_health_check_that_says_no_is_no_good_answer(method: str, answer: bytes, outcome: str) -> None:
    """A service that is not serving says so in a good answer, in the time that a good one takes."""
    example: Any = runpy.run_path(str(EXAMPLE))["Caller"]
    caller: Any = Caller()
    caller.options = SimpleNamespace(grpc_method=method, timeout_s=5.0)
    caller.call = lambda *_, **__: answer
    example.ask(caller)
    assert caller.outcomes == [outcome]
