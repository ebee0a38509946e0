"""A registry of modules for tests, as the scenario ``module_registry`` asks for one, with a cache of its pages:
``python -m tests.run.module_service [DEFECT]``. It prints its address.

``keeps``: a page of versions is not forgotten when there is a new one. ``no page``: there is none of versions.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEFECT = sys.argv[1] if len(sys.argv) > 1 else ""
versions: dict[str, list[str]] = {}
pages: dict[str, bytes] = {}
one_at_a_time = threading.Lock()


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with one_at_a_time:
            if self.path == "/modules":
                versions[document["name"]] = []
            else:
                name = self.path.split("/")[2]
                versions[name].append(document["version"])
                if DEFECT != "keeps":
                    pages.pop(f"/modules/{name}/versions", None)
                pages.pop(f"/modules/{name}", None)
        self._answer(201, {"invalidated": True})

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if DEFECT == "no page" and path.endswith("/versions"):
            self._answer(405, {})
            return
        with one_at_a_time:
            there = path in pages and not query
            if not there:
                pages[path] = json.dumps(self._document(path)).encode()
            body = pages[path]
        self._answer(200, body, "hit" if there else "miss")

    def _document(self, path: str) -> dict[str, Any]:
        if not path.startswith("/modules/"):
            return {"rows": 1}
        name = path.split("/")[2]
        of_page = {"versions": versions[name]} if path.endswith("/versions") else {"version_count": 1}
        return {"module": name, **of_page}

    def _answer(self, status: int, body: bytes | dict[str, Any], cache: str = "") -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(text)), "X-Cache": cache}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
