"""Traces to an OTLP/HTTP receiver. Off, which is the default, nothing of OpenTelemetry is imported here or called.

Spans and attributes are those of OpenTelemetry's semantic conventions for HTTP servers and databases. They are made
here, at the few places where this service asks a server, and not by patching its libraries: less to import, less to
pay for each request, and the node that answered is among the attributes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target.service.settings import ServiceSettings

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

SERVICE = "springback-target"
FLUSHED_WITHIN_S = 1.0
LONGEST_QUERY = 500
_OFF: AbstractContextManager[None] = nullcontext()


class Tracing:
    """What the service knows of its traces; does nothing while `endpoint` is empty."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._tracer: Tracer | None = None
        self._shut_down: Any = None
        if settings.otlp_endpoint:
            self._start(settings.otlp_endpoint.rstrip("/"), settings.name)

    def _start(self, endpoint: str, name: str) -> None:
        # Imported here: who does not trace does not pay for it.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource.create({"service.name": SERVICE, "service.instance.id": name})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=1)))
        self._tracer, self._shut_down = provider.get_tracer("target.service"), provider.shutdown

    def close(self) -> None:
        """Send what is left, in little time: the receiver may be away."""
        if self._shut_down is not None:
            last = threading.Thread(target=self._shut_down, daemon=True)
            last.start()
            last.join(FLUSHED_WITHIN_S)

    @property
    def is_on(self) -> bool:
        return self._tracer is not None

    def query(self, pool: str, query: str) -> AbstractContextManager[Span | None]:
        """A span around one query to PostgreSQL; an exception that leaves it is recorded."""
        if self._tracer is None:
            return _OFF
        text = " ".join(query.split())
        operation = text.split(" ", 1)[0].upper()
        attributes = {
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            "db.query.text": text[:LONGEST_QUERY],
            "target.pool": pool,
        }
        return self._client(operation, attributes)

    def valkey(self, operation: str) -> AbstractContextManager[Span | None]:
        """A span around one command to Valkey."""
        if self._tracer is None:
            return _OFF
        return self._client(operation, {"db.system.name": "valkey", "db.operation.name": operation})

    def _client(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[Span]:
        from opentelemetry.trace import SpanKind

        assert self._tracer is not None
        return self._tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes)

    @contextmanager
    def request(self, scope: Scope) -> Iterator[Span]:
        """A span around one HTTP request, under the caller's `traceparent` if there is one."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        assert self._tracer is not None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        attributes = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
            "network.protocol.version": scope.get("http_version", "1.1"),
        }
        with self._tracer.start_as_current_span(
            scope["method"],
            context=TraceContextTextMapPropagator().extract(headers),
            kind=SpanKind.SERVER,
            attributes=attributes,
        ) as span:
            yield span


@cache
def of(settings: ServiceSettings) -> Tracing:
    """The one of this process."""
    return Tracing(settings)


class TracingMiddleware:
    """A span for each HTTP request, but for those that only look: they would be most of them."""

    NOT_TRACED = ("/healthz", "/readyz", "/metrics", "/_fault")

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.NOT_TRACED:
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import StatusCode

        with self._tracing.request(scope) as span:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    if status >= 500:
                        span.set_status(StatusCode.ERROR)
                        span.set_attribute("error.type", str(status))
                await send(message)

            try:
                await self._app(scope, receive, watched)
            finally:
                found = scope.get("route")
                if isinstance(found, Route):
                    span.set_attribute("http.route", found.path)
                    span.update_name(f"{scope['method']} {found.path}")
