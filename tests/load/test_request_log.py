"""Requests of our own client are counted the same by the short way as by Locust's event, and nobody is left out."""

from __future__ import annotations

import time
from typing import Any

import pytest
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.http import HttpClient, Response
from harness.load.http.errors import UnexpectedStatusError
from harness.load.locust_statistics import CountedTogether, count_together
from harness.load.node import Node
from harness.load.present_node import set_node
from harness.load.recorder import Recorder
from harness.load.request_log import RequestLog
from harness.recording import Slice


class Run:
    """Locust's statistics and a recorder, listening as they do in a run."""

    def __init__(self) -> None:
        self.environment = Environment()
        self.environment.create_local_runner()
        self.recorder = Recorder()
        self.recorder.begin(0.0)
        self.environment.events.request.add_listener(self.recorder.on_request)
        statistics = count_together(self.environment)
        assert isinstance(statistics, CountedTogether)
        self.log = RequestLog(self.environment, statistics, self.recorder)

    def counted(self) -> tuple[list[Slice], Any, Any]:
        stats = self.environment.stats
        entries = stats.serialize_stats()
        self.environment.runner.quit()
        return self.recorder.drain("node"), entries, stats.serialize_errors()


def answer(status: int, body: bytes = b"hello", error: BaseException | None = None) -> Response:
    made = Response(status, b"HTTP/1.1 %d OK\r\nContent-Type: text/html; charset=utf-8" % status, body)
    made.error = error
    return made


def redirected() -> Response:
    made = answer(200)
    made.history = (answer(302), answer(301))
    return made


@pytest.mark.parametrize(
    "response",
    [
        answer(200),
        answer(204, b""),
        redirected(),
        answer(503, error=UnexpectedStatusError(503)),
        answer(0, b"", ConnectionResetError("gone")),
        answer(0, b"", TimeoutError()),
    ],
)
@pytest.mark.parametrize("unchecked_bytes", [None, 5])
def test_the_short_way_counts_what_the_event_counts(
    monkeypatch: pytest.MonkeyPatch, response: Response, unchecked_bytes: int | None
) -> None:
    """Name, outcome, status, latency, bytes and sizes in the recording; all figures and errors of Locust."""
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.5)
    short, event = Run(), Run()
    sent_s, done_s = 2.25, 2.5
    short.log.ended("GET", "/a", response, sent_s, done_s, unchecked_bytes, None)
    event.environment.events.request.fire(
        request_type="GET",
        name="/a",
        response_time=(done_s - sent_s) * 1000,
        response_length=len(response.body),
        exception=response.error,
        response=response,
        context={},
        start_time=time.time(),
        url="http://127.0.0.1/a",
        sent_s=sent_s,
        done_s=done_s,
        unchecked_bytes=unchecked_bytes,
        trace=None,
    )
    counted = short.counted()
    assert counted == event.counted()
    assert sum(piece.count for piece in counted[0]) == 1


def test_whoever_listens_too_is_told_by_the_event() -> None:
    """From when on it listens until it does no more; its place among the others is kept."""
    run = Run()
    hook = run.environment.events.request
    assert run.log.is_all
    others: list[str] = []
    first, last = (lambda name, **_: others.append(f"first {name}")), (lambda name, **_: others.append(f"last {name}"))
    hook.add_listener(last)
    assert not run.log.is_all
    hook._handlers.insert(0, first)
    assert not run.log.is_all
    hook.remove_listener(first)
    hook.remove_listener(last)
    assert run.log.is_all
    hook.remove_listener(run.recorder.on_request)  # as at the end of a run
    assert not run.log.is_all
    run.environment.runner.quit()


def test_a_listener_that_was_there_before_is_no_part_of_it() -> None:
    """A locustfile adds its listeners before anything of ours is there."""
    environment = Environment()
    environment.events.request.add_listener(lambda **_: None)
    environment.create_local_runner()
    recorder = Recorder()
    environment.events.request.add_listener(recorder.on_request)
    statistics = count_together(environment)
    assert statistics is not None and not RequestLog(environment, statistics, recorder).is_all
    environment.runner.quit()


def test_the_client_takes_the_short_way_where_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted once in any case: alone, beside somebody else who listens, and at the end of a with-block."""
    monkeypatch.setattr(HttpClient, "_attempt", lambda *_: answer(200))
    run = Run()
    node = Node("run", Clock(exact=True))
    node.request_log = run.log
    set_node(run.environment, node)
    client = HttpClient(run.environment, "http://127.0.0.1:1")
    hook = run.environment.events.request
    fired: list[str] = []
    fire = hook.fire
    monkeypatch.setattr(hook, "fire", lambda **event: (fired.append(event["name"]), fire(**event))[1])
    client.get("/alone")
    assert fired == [] and run.recorder.requests == run.environment.stats.total.num_requests == 1
    with client.get("/block", catch_response=True) as response:
        assert run.recorder.requests == 1
        response.failure("wrong")
    assert fired == ["/block"] and run.recorder.requests == run.environment.stats.total.num_requests == 2
    others: list[str] = []
    hook.add_listener(lambda name, **_: others.append(name))
    client.get("/together")
    assert others == ["/together"] and run.recorder.requests == run.environment.stats.total.num_requests == 3
    assert {(piece.name, piece.outcome) for piece in run.counted()[0]} == {
        ("GET /alone", "ok"), ("GET /block", "wrong answer"), ("GET /together", "ok"),
    }  # fmt: skip
