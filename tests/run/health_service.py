"""A service for tests with two health pages and a switch, ``PUT`` and ``DELETE /dependency``, that takes its dependency
away: ``python -m tests.run.health_service [silent | dies]``. It prints its address.

``silent``: its readiness page says nothing of it. ``dies``: its liveness page does.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEFECT = sys.argv[1] if len(sys.argv) > 1 else ""


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_away = False

    def do_GET(self) -> None:
        tells = {"/readyz": DEFECT != "silent", "/healthz": DEFECT == "dies"}
        self._answer(503 if Pages.is_away and tells.get(self.path) else 200)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Pages.is_away = True
        self._answer(200)

    def do_DELETE(self) -> None:
        Pages.is_away = False
        self._answer(200)

    def _answer(self, status: int) -> None:
        body = b'{"status": "%d"}' % status
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
