"""Traces of single requests, where they are asked for (``--trace-ratio``): a sampled request carries a ``traceparent``
header (https://www.w3.org/TR/trace-context/), so the target's own traces show what became of it. The recording keeps
the slowest, so that a report leads to them. Where Locust exports to OpenTelemetry (``--otel``), each has a span of
ours.
"""

from __future__ import annotations

import heapq
import random
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from harness.recording.marks import TraceMark
from harness.recording.values import OK

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

MOST_A_SECOND = 3
"""Slowest traced requests that go into the recording, of each second of one load process."""
MOST_HELD = 10_000
SEND_S = 1.0
EXPORT_S = 2.0
"""For one export, with all its tries: at the end of a run somebody waits for it."""


@dataclass(frozen=True)
class Trace:
    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """Of our own request: the parent of what the target makes of it."""

    @property
    def header(self) -> bytes:
        return b"\r\ntraceparent: 00-%b-%b-01" % (self.trace_id.encode(), self.span_id.encode())


@dataclass(frozen=True)
class Ended:
    """A traced request that has ended."""

    trace: Trace
    t: float
    """Intended start, seconds after the origin."""
    name: str
    outcome: str
    latency_us: int
    sent_ns: int
    """Unix time, as in the next."""
    ended_ns: int


class Spans:
    """Sends spans to a receiver, once a second, from a greenlet of its own: who counts a request must not wait."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._ended: list[Ended] = []
        self._over = Event()
        self._sender = gevent.spawn(self._send_again_and_again)

    def add(self, ended: Ended) -> None:
        if len(self._ended) < MOST_HELD:
            self._ended.append(ended)

    def close(self) -> None:
        """Sends what is left; a receiver that is away holds nobody up for long."""
        self._over.set()
        self._sender.join(EXPORT_S)  # what it is just sending is nowhere else
        self._sender.kill()
        self._send()
        self._exporter.shutdown()

    def _send_again_and_again(self) -> None:
        while not self._over.wait(SEND_S):
            self._send()

    def _send(self) -> None:
        ended, self._ended = self._ended, []
        if ended:
            self._exporter.export([_span(each) for each in ended])


@dataclass
class Traces:
    """Of one load process in one run; ``ratio`` is the share of requests that carry one."""

    ratio: float
    spans: Spans | None = None
    _ended: dict[int, list[Ended]] = field(default_factory=dict)
    """By second of the intended start."""
    _held: int = 0

    def begin(self) -> Trace | None:
        """For the next request; None where that carries none."""
        if random.random() >= self.ratio:
            return None
        # Ids of zeros alone are none.
        return Trace(f"{random.getrandbits(128) or 1:032x}", f"{random.getrandbits(64) or 1:016x}")

    def ended(self, trace: Trace, t: float, name: str, outcome: str, latency_s: float, sent_s: float) -> None:
        """``t`` is the intended start, seconds after the origin; ``sent_s`` an instant of the monotonic clock. It only
        keeps what there is to keep: while a request is counted, nothing else may happen.
        """
        now_ns = time.time_ns()
        sent_ns = now_ns - int((time.monotonic() - sent_s) * 1e9)
        ended = Ended(trace, t, name, outcome, int(latency_s * 1e6), sent_ns, now_ns)
        if self._held < MOST_HELD:
            self._held += 1
            self._ended.setdefault(int(t // 1), []).append(ended)
        if self.spans is not None:
            self.spans.add(ended)

    def take(self, node: str) -> list[TraceMark]:
        """The slowest that have ended since the last call, of each second in which they should have begun."""
        ended, self._ended, self._held = self._ended, {}, 0
        return [
            TraceMark(round(each.t, 3), node, each.name, each.trace.trace_id, each.outcome, each.latency_us)
            for _, of_second in sorted(ended.items())
            for each in heapq.nlargest(MOST_A_SECOND, of_second, key=lambda each: each.latency_us)
        ]

    def close(self) -> None:
        if self.spans is not None:
            self.spans.close()


def traces_of(options: Any) -> Traces | None:
    """By the options of the run; None where no request is traced."""
    ratio = float(getattr(options, "trace_ratio", 0) or 0)
    if not ratio:
        return None
    return Traces(ratio, Spans(_exporter()) if getattr(options, "otel", False) else None)


def _exporter() -> SpanExporter:
    """To the receiver that OpenTelemetry's own variables name."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(timeout=EXPORT_S)


def _span(ended: Ended) -> Any:
    """From the send to the end of the answer, by the conventions for HTTP clients."""
    from opentelemetry import trace as api
    from opentelemetry.sdk.trace import ReadableSpan

    method, _, template = ended.name.partition(" ")
    attributes = {"http.request.method": method, "url.template": template}
    status = api.Status(api.StatusCode.UNSET)
    if ended.outcome != OK:
        attributes["error.type"] = ended.outcome.removeprefix("http ")
        status = api.Status(api.StatusCode.ERROR, ended.outcome)
    trace_id, span_id = int(ended.trace.trace_id, 16), int(ended.trace.span_id, 16)
    return ReadableSpan(
        name=ended.name,
        context=api.SpanContext(trace_id, span_id, is_remote=False, trace_flags=api.TraceFlags(1)),
        resource=_resource(),
        kind=api.SpanKind.CLIENT,
        attributes=attributes,
        status=status,
        start_time=ended.sent_ns,
        end_time=ended.ended_ns,
    )


@cache
def _resource() -> Any:
    """Once: to make one looks for what can be told of this process."""
    from opentelemetry.sdk.resources import Resource

    return Resource.create({"service.name": "springback"})
