"""Traces of single requests, where they are asked for (``--trace-ratio``): a sampled ``traceparent`` header
(https://www.w3.org/TR/trace-context/), by which the target's own traces say what became of the request, the slowest in
the recording, so that a report leads to them, and, where Locust exports to OpenTelemetry (``--otel``), a span of ours.
"""

from __future__ import annotations

import heapq
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.recording_marks import TraceMark
from harness.recording_values import OK

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

MOST_A_SECOND = 3
"""Slowest traced requests that go into the recording, of each second of one load process."""
MOST_HELD = 10_000
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


@dataclass
class Traces:
    """Of one load process in one run; ``ratio`` is the share of requests that carry one."""

    ratio: float
    exporter: SpanProcessor | None = None
    _ended: dict[int, list[tuple[int, float, str, str, str]]] = field(default_factory=dict)
    """Second → (latency, t, name, outcome, trace id)."""

    def begin(self) -> Trace | None:
        """For the next request; None where that carries none."""
        if random.random() >= self.ratio:
            return None
        # Ids of zeros alone are none.
        return Trace(f"{random.getrandbits(128) or 1:032x}", f"{random.getrandbits(64) or 1:016x}")

    def ended(self, trace: Trace, t: float, name: str, outcome: str, latency_s: float, sent_s: float) -> None:
        """``t`` is the intended start, seconds after the origin; ``sent_s`` an instant of the monotonic clock."""
        if len(self._ended) < MOST_HELD:
            self._ended.setdefault(int(t // 1), []).append((int(latency_s * 1e6), t, name, outcome, trace.trace_id))
        if self.exporter is not None:
            self.exporter.on_end(_span(trace, name, outcome, sent_s))

    def take(self, node: str) -> list[TraceMark]:
        """The slowest that have ended since the last call, of each second in which they should have begun."""
        ended, self._ended = self._ended, {}
        return [
            TraceMark(round(t, 3), node, name, trace_id, outcome, latency_us)
            for _, of_second in sorted(ended.items())
            for latency_us, t, name, outcome, trace_id in heapq.nlargest(MOST_A_SECOND, of_second)
        ]

    def close(self) -> None:
        """Sends what is left; a receiver that is away holds nobody up for long."""
        if self.exporter is not None:
            self.exporter.shutdown()


def traces_of(options: Any) -> Traces | None:
    """By the options of the run; None where no request is traced."""
    ratio = float(getattr(options, "trace_ratio", 0) or 0)
    if not ratio:
        return None
    return Traces(ratio, _exporter() if getattr(options, "otel", False) else None)


def _exporter() -> SpanProcessor:
    """To the receiver that OpenTelemetry's own variables name."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter(timeout=EXPORT_S))


def _span(trace: Trace, name: str, outcome: str, sent_s: float) -> Any:
    """From the send to the end of the answer, which is now, by the conventions for HTTP clients."""
    from opentelemetry import trace as api
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

    method, _, template = name.partition(" ")
    attributes = {"http.request.method": method, "url.template": template}
    status = api.Status(api.StatusCode.UNSET)
    if outcome != OK:
        attributes["error.type"] = outcome.removeprefix("http ")
        status = api.Status(api.StatusCode.ERROR, outcome)
    ended_ns = time.time_ns()
    return ReadableSpan(
        name=name,
        context=api.SpanContext(
            int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=False, trace_flags=api.TraceFlags(1)
        ),
        resource=Resource.create({"service.name": "springback"}),
        kind=api.SpanKind.CLIENT,
        attributes=attributes,
        status=status,
        start_time=ended_ns - int((time.monotonic() - sent_s) * 1e9),
        end_time=ended_ns,
    )
