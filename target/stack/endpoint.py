"""An address in `up` itself, for what only `up` may do. Served by its one thread, between two steps."""

from __future__ import annotations

import hmac
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from target.stack.ports import LOOPBACK, Reserved

SLOW_CLIENT_S = 1.0
LARGEST_BODY_BYTES = 10_000


class Endpoint:
    """One request at a time, in the thread that asks for it."""

    def __init__(self, port: Reserved, handler: type[JsonHandler]) -> None:
        self._server = HTTPServer(port.socket.getsockname(), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = port.socket
        self._server.socket.listen(64)
        self.url = f"http://{LOOPBACK}:{port.port}"

    def serve(self, within_s: float) -> None:
        """Answer one request, or wait so long for one."""
        self._server.timeout = within_s
        self._server.handle_request()


class JsonHandler(BaseHTTPRequestHandler):
    timeout = SLOW_CLIENT_S

    def has_token(self, token: bytes) -> bool:
        """Whether the request bears it; answers 401 when it does not."""
        if hmac.compare_digest(self.headers.get("Authorization", "").encode(), b"Bearer " + token):
            return True
        self.answer(401, {"error": "wrong or missing token"})
        return False

    def body(self) -> Any:
        """Of the request; raises ValueError when it is no JSON."""
        length = int(self.headers.get("Content-Length", "0"))
        return json.loads(self.rfile.read(max(0, min(length, LARGEST_BODY_BYTES))))

    def answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silent: `up` prints one line and no more."""
