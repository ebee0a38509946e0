"""The address at which nodes are killed and started again: only `up` itself may start what must not outlive it."""

from __future__ import annotations

import hmac
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from target.errors import TargetError, UsageError
from target.stack.ha.nodes import Nodes
from target.stack.ports import LOOPBACK, Reserved

PATH = "/_node"
SLOW_CLIENT_S = 1.0
LARGEST_BODY_BYTES = 10_000


class NodeEndpoint:
    """GET: every node and its state; PUT {"node", "action"}. One request at a time, in the thread that asks for it."""

    def __init__(self, port: Reserved, nodes: Nodes, token: str) -> None:
        self._server = HTTPServer(port.socket.getsockname(), _handler(nodes, token.encode()), bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = port.socket
        self._server.socket.listen(64)
        self.url = f"http://{LOOPBACK}:{port.port}"

    def serve(self, within_s: float) -> None:
        """Answer one request, or wait so long for one."""
        self._server.timeout = within_s
        self._server.handle_request()


def _handler(nodes: Nodes, token: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SLOW_CLIENT_S

        def do_GET(self) -> None:
            if self._may():
                self._answer(200, {"nodes": nodes.as_json()})

        def do_PUT(self) -> None:
            if not self._may():
                return
            try:
                length = int(self.headers.get("Content-Length", "0"))
                document = json.loads(self.rfile.read(max(0, min(length, LARGEST_BODY_BYTES))))
                done = nodes.act(str(document["node"]), str(document["action"]))
            except TargetError as error:
                status = 400 if isinstance(error, UsageError) else 500
                self._answer(status, {"error": error.problem, "remedy": error.remedy})
            except (ValueError, KeyError, TypeError, RecursionError):
                self._answer(400, {"error": "no such order", "remedy": 'send {"node": NAME, "action": ACTION}'})
            else:
                self._answer(200, done)

        def _may(self) -> bool:
            given = self.headers.get("Authorization", "").encode()
            if self.path != PATH:
                self._answer(404, {"error": "not found"})
                return False
            if not hmac.compare_digest(given, b"Bearer " + token):
                self._answer(401, {"error": "wrong or missing token"})
                return False
            return True

        def _answer(self, status: int, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silent: `up` prints one line and no more."""

    return Handler
