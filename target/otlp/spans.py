"""An export request of OTLP as plain spans, and the newest of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

MAX_SPANS = 10_000

PlainSpan = Mapping[str, Any]
"""`trace_id`, `span_id`, `parent_span_id` (hexadecimal, "" for none), `name`, `kind`, `start_unix_ns`, `end_unix_ns`,
`status` (`UNSET`, `OK`, `ERROR`), `attributes`, `events` `[{name, at_unix_ns, attributes}]`, `resource`."""


def decoded(body: bytes) -> list[PlainSpan]:
    """Every span of a request; raises google.protobuf.message.DecodeError when it is none."""
    return list(_spans(ExportTraceServiceRequest.FromString(body)))


class SpanStore:
    """Counts all, keeps the newest. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: deque[PlainSpan] = deque(maxlen=MAX_SPANS)
        self._counts = {"requests": 0, "refused": 0, "spans": 0}

    def add(self, spans: Sequence[PlainSpan]) -> None:
        with self._lock:
            self._newest.extend(spans)
            self._counts["requests"] += 1
            self._counts["spans"] += len(spans)

    def refuse(self) -> None:
        """A request that could not be read."""
        with self._lock:
            self._counts["refused"] += 1

    def clear(self) -> None:
        with self._lock:
            self._newest.clear()
            self._counts = dict.fromkeys(self._counts, 0)

    def counts(self) -> dict[str, int]:
        """`requests`, `refused`, `spans` since the start, and how many are `kept`."""
        with self._lock:
            return {**self._counts, "kept": len(self._newest)}

    def newest(self, trace_id: str | None = None) -> list[PlainSpan]:
        """In the order of arrival; only those of one trace."""
        with self._lock:
            return [span for span in self._newest if trace_id in (None, span["trace_id"])]


def _spans(request: ExportTraceServiceRequest) -> Iterator[PlainSpan]:
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield {
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_span_id": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    "start_unix_ns": span.start_time_unix_nano,
                    "end_unix_ns": span.end_time_unix_nano,
                    "status": Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
                    "attributes": _attributes(span.attributes),
                    "events": [
                        {"name": e.name, "at_unix_ns": e.time_unix_nano, "attributes": _attributes(e.attributes)}
                        for e in span.events
                    ],
                    "resource": resource,
                }


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, kind)
