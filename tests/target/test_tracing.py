"""Traces at a real OTLP/HTTP receiver: requests, queries and commands, with errors, under the caller's trace."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.target.otlp import attributes, receiving
from tests.target.services import servers_of, serving
from tests.target.stacks import Stack, signal_tree, until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def settings(stack: Stack, endpoint: str) -> dict[str, str]:
    return servers_of(stack, TARGET_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="100")


def traced(url: str) -> int:
    """One request that is part of a trace of ours."""
    request = urllib.request.Request(url, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_request_its_query_and_its_command_are_one_trace_under_the_callers(stack: Stack, tmp_path: Path) -> None:
    """Parents, kinds and attributes; what only looks is not traced; the service says who it is."""
    with receiving() as receiver, serving(tmp_path, settings(stack, receiver.url)) as service:
        until(lambda: service.get("/readyz").status == 200, "ready")
        assert traced(f"{service.url}/modules/none-such") == 404
        until(lambda: receiver.named("GET /modules/{name}"), "exported")
        (request,) = receiver.named("GET /modules/{name}")
        assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
        assert request.kind == Span.SPAN_KIND_SERVER
        assert attributes(request) == {
            "http.request.method": "GET",
            "http.route": "/modules/{name}",
            "http.response.status_code": 404,
            "url.path": "/modules/none-such",
            "url.scheme": "http",
            "network.protocol.version": "1.1",
        }
        under = [span for span in receiver.spans if span.parent_span_id == request.span_id]
        assert {(span.name, span.kind) for span in under} == {
            ("MGET", Span.SPAN_KIND_CLIENT),
            ("SELECT", Span.SPAN_KIND_CLIENT),
        }
        query = next(attributes(span) for span in under if span.name == "SELECT")
        assert (query["db.system.name"], query["target.pool"]) == ("postgresql", "primary")
        assert str(query["db.query.text"]).startswith("SELECT name, description, created_at")
        assert {span.trace_id.hex() for span in under} == {TRACE}
        assert not [span for span in receiver.spans if "readyz" in span.name or "healthz" in span.name]
        assert receiver.resources[0]["service.instance.id"] == "own"


def test_an_error_is_recorded_where_it_happened(stack: Stack, tmp_path: Path) -> None:
    """A frozen primary: the query's span has the exception, the request's span the status 503; both are errors."""
    primary = stack.process("postgres-primary").pid
    with receiving() as receiver, serving(tmp_path, settings(stack, receiver.url)) as service:
        until(lambda: service.get("/readyz").status == 200, "ready")
        signal_tree(primary, signal.SIGSTOP)
        try:
            assert traced(f"{service.url}/ledger/none?read=primary") == 503
        finally:
            signal_tree(primary, signal.SIGCONT)
        until(lambda: receiver.named("GET /ledger/{id}"), "exported")
        (request,) = receiver.named("GET /ledger/{id}")
        assert request.status.code == Status.STATUS_CODE_ERROR
        assert attributes(request)["http.response.status_code"] == 503
        (query,) = [span for span in receiver.spans if span.parent_span_id == request.span_id]
        assert query.status.code == Status.STATUS_CODE_ERROR
        (event,) = query.events
        assert event.name == "exception"
        assert "Unavailable" in next(one.value.string_value for one in event.attributes if one.key == "exception.type")


def test_without_a_receiver_the_service_serves_and_ends_in_time(stack: Stack, tmp_path: Path) -> None:
    """Nobody listens at the address: requests are answered, and the end does not wait for it."""
    with serving(tmp_path, settings(stack, "http://127.0.0.1:9")) as service:
        until(lambda: service.get("/readyz").status == 200, "ready")
        assert traced(f"{service.url}/modules/none-such") == 404
        service.process.terminate()
        service.process.wait(4)


def test_off_no_exporter_is_imported() -> None:
    """Nor anything of the SDK, nor protobuf: by the whole application, as a process that does not trace imports it. Nor
    what verifies signatures with key pairs, which nobody makes here.
    """
    code = "import sys; from target.service.__main__ import server; server(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "target.service.tracing" in modules
    heavy = ("opentelemetry.exporter", "opentelemetry.sdk", "opentelemetry.proto", "google.protobuf", "cryptography")
    assert not [name for name in modules if name.startswith(heavy)]
