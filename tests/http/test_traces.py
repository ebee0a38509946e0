"""Traced requests: the header that goes over the wire, the mark in the recording and the span are of one trace."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import gevent
import greenlet
import pytest
from gevent.event import Event
from locust.env import Environment
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from harness.analysis.traces import slowest
from harness.load import traces
from harness.load.clock import Clock
from harness.load.http import HerdHttpUser
from harness.load.node import Node
from harness.load.pacing import Start
from harness.load.present_node import set_node
from harness.load.recorder import Recorder
from harness.load.traces import MOST_A_SECOND, Spans, Trace, Traces, traces_of
from harness.recording.marks import TraceMark
from harness.recording.values import OK
from harness.verdict import judge
from reports import markdown, terminal, verdict_json
from tests import recordings
from tests.http.conftest import Watched
from tests.http.scripted import READ, scripted
from tests.target.otlp import attributes, receiving

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEADER = re.compile(rb"^traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-01\r$", re.MULTILINE)


def environment_of(ratio: float) -> Environment:
    """With a node whose requests are traced so."""
    environment = Environment()
    node = Node("run", Clock(exact=True))
    node.recorder.traces = Traces(ratio)
    set_node(environment, node)
    return environment


def test_the_header_is_that_of_the_trace_and_all_else_is_as_it_was() -> None:
    """Beside cookies and a body, in the first request and in the next on the same connection."""
    with scripted([READ, ANSWER, READ, ANSWER]) as server:
        client = Watched(environment_of(1), server.url)
        client.cookies.store(["a=1"], "/")
        client.post("/x", json={"y": 1})
        client.get("/z")
        client.close()
        (sent,) = server.seen()
    first, second = (event["trace"] for event in client.events)
    assert [found.decode() for pair in HEADER.findall(sent) for found in pair] == [
        *(first.trace_id, first.span_id),
        *(second.trace_id, second.span_id),
    ]
    assert first.trace_id != second.trace_id
    assert HEADER.sub(b"\r", sent).count(b'{"y":1}') == sent.count(b"Cookie: a=1") - 1 == 1


@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_a_request_without_a_trace_has_no_header(ratio: float) -> None:
    with scripted([step for _ in range(40) for step in (READ, ANSWER)]) as server:
        client = Watched(environment_of(ratio), server.url)
        for _ in range(40):
            client.get("/x")
        client.close()
        (sent,) = server.seen()
    traced = [event["trace"].trace_id for event in client.events if event["trace"] is not None]
    assert [found[0].decode() for found in HEADER.findall(sent)] == traced
    assert len(traced) == 0 if ratio == 0 else 2 < len(traced) < 38


def test_a_request_that_gets_no_answer_is_traced_too() -> None:
    """Those are the ones that somebody looks for."""
    with scripted([READ, 5.0]) as server:
        client = Watched(environment_of(1), server.url)
        client.get("/x", timeout=0.2)
        client.close()
    assert client.outcomes == ["timeout"]
    assert client.events[0]["trace"].trace_id


def test_a_gate_sends_the_trace_that_was_prepared() -> None:
    class Visitor(HerdHttpUser):
        def prepare(self) -> Any:
            return self.client.prepare("POST", "/login", json={"a": 1})

    with scripted([READ, ANSWER]) as server:
        environment = environment_of(1)
        events: list[dict[str, Any]] = []
        environment.events.request.add_listener(lambda **event: events.append(event))
        Visitor.host = server.url
        user = Visitor(environment)
        slot = user.prepare_slot()
        start = Start(3.0, time.monotonic())
        assert slot.connection is not None and slot.connection.note_begun(slot.connection.begin())
        start.sent_s = time.monotonic()
        user.current_start = start
        user.send_prepared()
        user.client.close()
        (sent,) = server.seen()
    ((trace_id, _),) = HEADER.findall(sent)
    assert events[0]["trace"].trace_id == trace_id.decode()


def ended(recorder: Recorder, number: int, sent_s: float, took_s: float, **more: Any) -> None:
    recorder.on_request(
        *("GET", "/x", took_s * 1000, 1),
        sent_s=sent_s,
        done_s=sent_s + took_s,
        trace=Trace(f"{number:032x}", f"{number:016x}"),
        **more,
    )


def test_the_slowest_of_each_second_go_into_the_recording_and_what_is_no_load_does_not() -> None:
    recorder = Recorder()
    recorder.traces = Traces(1)
    ended(recorder, 99, 999.0, 9.0)  # before the origin is known
    recorder.begin(1000.0)
    for number in range(10):
        ended(recorder, number, 1002.0 + number / 100, number / 10)
    ended(recorder, 50, 1003.5, 0.01, exception=TimeoutError())
    marks = recorder.traces.take("local")
    assert [int(mark.trace_id, 16) for mark in marks] == [9, 8, 7, 50]
    assert len(marks) == MOST_A_SECOND + 1
    assert marks[0] == TraceMark(2.09, "local", "GET /x", f"{9:032x}", OK, pytest.approx(900_000, abs=2))
    assert marks[-1].outcome == "timeout"
    assert recorder.traces.take("local") == []
    recorder.wind_down()
    ended(recorder, 60, time.monotonic() + 1, 0.1)
    assert recorder.traces.take("local") == []


class Kept:
    """An exporter that sends nothing anywhere, and takes its time."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.is_sending = Event()

    def export(self, spans: Any) -> None:
        self.is_sending.set()
        gevent.sleep(0.01)
        self.spans += spans

    def shutdown(self) -> None:
        """Nothing."""


def test_while_a_traced_request_is_counted_nothing_else_happens() -> None:
    """A report that is made in the middle of it would hold half of a request."""
    exporter = Kept()
    recorder = Recorder()
    recorder.traces = Traces(1, Spans(cast(Any, exporter)))
    recorder.begin(1000.0)
    gevent.sleep(0)
    switches: list[str] = []
    greenlet.settrace(lambda event, _: switches.append(event))
    try:
        for number in range(200):
            ended(recorder, number, 1002.0 + number, 0.1)
    finally:
        greenlet.settrace(None)
    assert not switches
    (first, *_) = recorder.drain("a")
    assert first.count == sum(first.latency.values())
    recorder.traces.close()
    assert len(exporter.spans) == 200


def test_spans_that_are_on_their_way_as_the_run_ends_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "SEND_S", 0.001)
    exporter = Kept()
    recorder = Recorder()
    recorder.traces = Traces(1, Spans(cast(Any, exporter)))
    recorder.begin(1000.0)
    ended(recorder, 1, 1002.0, 0.1)
    assert exporter.is_sending.wait(5) and not exporter.spans
    ended(recorder, 2, 1003.0, 0.1)
    recorder.traces.close()
    assert len(exporter.spans) == 2


def test_a_report_leads_to_the_slowest_of_each_phase() -> None:
    healthy = recordings.healthy()
    times = [(5.0, 10), (6.0, 30), (7.0, 20), (8.0, 40), (40.0, 7)]
    marks = [TraceMark(t, "a", "GET /x", f"{n:032x}", OK, 1000 * n) for t, n in times]
    recording = replace(healthy, marks=(*healthy.marks, *marks))
    found = {phase: [int(mark.trace_id, 16) for mark in of_phase] for phase, of_phase in slowest(recording).items()}
    assert found == {"baseline": [40, 30, 20], "recovery": [7]}
    verdict = judge(recording)
    for text in (
        terminal.render(recording, verdict),
        markdown.render(recording, verdict),
        verdict_json.render(recording, verdict),
    ):
        assert f"{40:032x}" in text
        assert f"{10:032x}" not in text


def test_a_span_is_the_parent_of_what_the_target_makes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, kind, attributes, length and status, at a real receiver; without --otel nothing is exported."""
    assert traces_of(SimpleNamespace(trace_ratio="0", otel=True)) is None
    without = traces_of(SimpleNamespace(trace_ratio="0.5", otel=False))
    assert without is not None and without.spans is None
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        traces = traces_of(SimpleNamespace(trace_ratio=1.0, otel=True))
        assert traces is not None
        good, bad = (traces.begin() for _ in range(2))
        assert good is not None and bad is not None
        sent_s = time.monotonic() - 0.2
        traces.ended(good, 1.0, "GET /x", OK, 0.2, sent_s)
        longest_s = time.monotonic() - sent_s
        traces.ended(bad, 1.0, "POST /y", "http 503", 0.2, time.monotonic() - 0.1)
        traces.close()
        spans = {span.name: span for span in receiver.spans}
    assert spans["GET /x"].trace_id.hex() == good.trace_id
    assert spans["GET /x"].span_id.hex() == good.span_id
    assert spans["GET /x"].kind == Span.SPAN_KIND_CLIENT
    assert attributes(spans["GET /x"]) == {"http.request.method": "GET", "url.template": "/x"}
    length_s = (spans["GET /x"].end_time_unix_nano - spans["GET /x"].start_time_unix_nano) / 1e9
    assert 0.199 < length_s < longest_s + 0.001, "clocks differ by less"
    assert spans["POST /y"].status.code == Status.STATUS_CODE_ERROR
    assert attributes(spans["POST /y"])["error.type"] == "503"
    assert receiver.resources[0]["service.name"] == "springback"


def test_a_receiver_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    traces = traces_of(SimpleNamespace(trace_ratio=1.0, otel=True))
    assert traces is not None
    trace = traces.begin()
    assert trace is not None
    traces.ended(trace, 1.0, "GET /x", OK, 0.2, time.monotonic())
    began_s = time.monotonic()
    traces.close()
    assert time.monotonic() - began_s < 5
