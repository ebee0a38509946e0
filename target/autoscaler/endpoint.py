"""The controller's address: GET /autoscaler (log and replicas), and its own /_fault. Served between two steps."""

from __future__ import annotations

import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from target.autoscaler.controller import Controller
from target.errors import UsageError
from target.faults import folder
from target.stack.ports import Reserved

SLOW_CLIENT_S = 1.0
LARGEST_BODY_BYTES = 10_000


class Endpoint:
    """One request at a time, in the thread that asks for it."""

    def __init__(self, port: Reserved, controller: Controller, token: str, fault_path: str) -> None:
        handler = _handler(controller, token.encode(), fault_path)
        self._server = HTTPServer(port.socket.getsockname(), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = port.socket
        self._server.socket.listen(64)
        self.url = f"http://127.0.0.1:{port.port}"

    def serve(self, within_s: float) -> None:
        """Answer one request, or wait so long for one."""
        self._server.timeout = within_s
        self._server.handle_request()


def _handler(controller: Controller, token: bytes, fault_path: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SLOW_CLIENT_S

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == fault_path:
                self._fault(lambda: None)
            elif parts.path == "/autoscaler":
                try:
                    after = float(parse_qs(parts.query).get("after", ["-inf"])[0])
                except ValueError:
                    self._answer(400, {"error": "after must be a number of seconds"})
                else:
                    self._answer(200, controller.as_json(after))
            else:
                self._answer(404, {"error": "not found"})

        def do_PUT(self) -> None:
            self._fault(self._switch_on)

        def do_DELETE(self) -> None:
            self._fault(controller.faults.switch_off)

        def _switch_on(self) -> None:
            length = min(int(self.headers.get("Content-Length", "0")), LARGEST_BODY_BYTES)
            document = json.loads(self.rfile.read(length))
            if not isinstance(document, dict) or not isinstance(document.get("parameters", {}), dict):
                raise ValueError('the body must be {"fault": name, "parameters": {name: value}}')
            name = str(document.get("fault", ""))
            if not folder.belongs_to_autoscaler(name):
                raise UsageError(f"{name} is a fault of the API processes", "switch it there")
            given = {str(key): str(value) for key, value in document.get("parameters", {}).items()}
            controller.faults.switch_on(name, given)

        def _fault(self, order: Any) -> None:
            given = self.headers.get("Authorization", "").encode()
            if urlsplit(self.path).path != fault_path:
                self._answer(404, {"error": "not found"})
                return
            if not hmac.compare_digest(given, b"Bearer " + token):
                self._answer(401, {"error": "wrong or missing token"})
                return
            try:
                order()
            except (UsageError, ValueError, RecursionError) as error:
                self._answer(400, {"error": str(error)})
                return
            state = controller.faults.state()
            active = None if state is None else state.as_json()
            self._answer(200, {"name": "autoscaler", "pid": os.getpid(), "active": active})

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
