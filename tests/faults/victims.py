"""Servers of their own process, to be disturbed, and ways to see whether they are."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from harness.faults import Fault, ScheduledFault
from harness.recording.marks import FaultMark
from harness.sidecar.injector import Injector
from tests.probes.loopback import PATIENCE_S, python, said, wait_for

SERVER = """
import http.server, json, os, sys
marks = []
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.tell(200, {"pid": os.getpid(), "marks": marks})
    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        good = self.headers.get("Authorization") == "Bearer hush"
        if good:
            marks.append([self.command, self.path, body])
        self.tell(200 if good else 401, {})
    do_POST = do_DELETE = do_PUT
    def tell(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if len(sys.argv) > 1:
    for _ in range(int(sys.argv[1])):
        if os.fork() == 0:
            import time
            time.sleep(300); os._exit(0)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/switch"

    @property
    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=0.5):
                return True
        except OSError:
            return False

    @property
    def marks(self) -> list[list[str]]:
        """Method, path and body of each request with the right token."""
        with urllib.request.urlopen(self.url, timeout=3) as answer:
            told: dict[str, Any] = json.load(answer)
        marks: list[list[str]] = told["marks"]
        return marks

    @property
    def is_stopped(self) -> bool:
        return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()


@contextmanager
def server(children: int = 0) -> Iterator[Server]:
    with python(SERVER, *([str(children)] if children else [])) as process:
        running = Server(process, int(said(process)))
        forked = running.children
        try:
            yield running
        finally:
            for child in forked:
                child.kill()


class Watched(Injector):
    """An injector whose events are kept."""

    def __init__(self, *faults: tuple[Fault, float, float]) -> None:
        self.events: list[FaultMark] = []
        self.origin_s = 0.0
        """From which the times of the faults count, once they go on."""
        scheduled = [ScheduledFault.of(number, *each) for number, each in enumerate(faults, start=1)]
        super().__init__(scheduled, self.events.append)

    def said(self, event: str, number: int = 1) -> list[FaultMark]:
        return [each for each in self.events if each.event == event and each.number == number]

    def until(self, event: str, number: int = 1, within_s: float = PATIENCE_S) -> FaultMark:
        wait_for(lambda: bool(self.said(event, number)), within_s)
        return self.said(event, number)[0]


@contextmanager
def injecting(*faults: tuple[Fault, float, float]) -> Iterator[Watched]:
    """Each fault from its start to its end, in seconds after now."""
    injector = Watched(*faults)
    failures = injector.start()
    assert not failures
    injector.origin_s = time.monotonic()
    injector.begin(injector.origin_s)
    try:
        yield injector
    finally:
        injector.stop()


def connected(port: int, timeout_s: float = 5.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout_s)
