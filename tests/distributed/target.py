"""A target that notes, by its own clock alone, when each request came: ``python target.py ADDRESS PORT``.

``POST /herd`` is noted; ``GET /noted`` tells the instants and who asked: ``[[seconds, address], …]``. Nothing of
Springback is in it, so that it can judge Springback's clocks.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

noted: list[tuple[float, str]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        # The request line has been read just now.
        now_s = time.monotonic()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/herd":
            noted.append((now_s, self.client_address[0]))
        self._answer(b"{}")

    def do_GET(self) -> None:
        self._answer(json.dumps(noted).encode() if self.path == "/noted" else b"{}")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class has it
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
