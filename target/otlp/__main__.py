"""`python -m target.otlp` on a socket that was handed over: POST /v1/traces, GET /, GET /spans, DELETE /spans."""

from __future__ import annotations

import gzip
import json
import os
import socket
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from target.errors import UsageError
from target.otlp.spans import SpanStore, decoded

LARGEST_BODY_BYTES = 16 * 1024 * 1024
IDLE_S = 60.0


def main() -> int:
    """Setting: TARGET_LISTEN_FD, a bound socket."""
    descriptor = os.environ.get("TARGET_LISTEN_FD", "")
    if not descriptor.isdecimal():
        problem = UsageError("TARGET_LISTEN_FD is not set", "start it with `python -m target up --ha --otlp-receiver`")
        print(problem, file=sys.stderr)
        return problem.exit_code
    listener = socket.socket(fileno=int(descriptor))
    server = ThreadingHTTPServer(listener.getsockname(), _handler(SpanStore()), bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.daemon_threads = True
    listener.listen(128)
    server.serve_forever()
    return 0


def _handler(store: SpanStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_S

        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), LARGEST_BODY_BYTES))
            if urlsplit(self.path).path != "/v1/traces":
                self._answer(404, {"error": "only traces are received, at /v1/traces"})
                return
            try:
                if self.headers.get("Content-Encoding", "") == "gzip":
                    body = gzip.decompress(body)
                store.add(decoded(body))
            except (DecodeError, OSError, EOFError, zlib.error) as error:
                store.refuse()
                self._answer(400, {"error": f"not an export request of OTLP in protobuf ({type(error).__name__})"})
            else:
                self._respond(200, b"", "application/x-protobuf")  # an empty ExportTraceServiceResponse

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/":
                self._answer(200, store.counts())
            elif parts.path == "/spans":
                trace = parse_qs(parts.query).get("trace_id", [None])[0]
                self._answer(200, {"spans": store.newest(trace)})
            else:
                self._answer(404, {"error": "not found"})

        def do_DELETE(self) -> None:
            store.clear()
            self._answer(200, store.counts())

        def _answer(self, status: int, document: object) -> None:
            self._respond(status, json.dumps(document).encode(), "application/json")

        def _respond(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silent: an exporter sends often."""

    return Handler


if __name__ == "__main__":
    sys.exit(main())
