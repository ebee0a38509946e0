"""An OTLP/HTTP receiver: keeps the spans that it is sent, as the protocol's own messages, and the names of metrics."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Receiver:
    """Where it is, and what came."""

    url: str
    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)

    def named(self, name: str) -> list[Span]:
        """The spans of this name."""
        return [span for span in list(self.spans) if span.name == name]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """On a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                for one in ExportTraceServiceRequest.FromString(body).resource_spans:
                    receiver.resources.append({item.key: item.value.string_value for item in one.resource.attributes})
                    receiver.spans += [span for scope in one.scope_spans for span in scope.spans]
            elif self.path == "/v1/metrics":
                for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    receiver.metrics |= {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown()


def attributes(span: Span) -> dict[str, str | int]:
    """Those of a span."""
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}
