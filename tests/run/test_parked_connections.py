"""A target that serves one connection at a time: parked users must not starve it, or what is compared is void."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.criteria.requests.error_ratio import ErrorRatio
from harness.findings import Outcome
from harness.recording.values import OK, UNFINISHED
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    do_POST = do_GET
    def log_message(self, *_): pass
class Server(HTTPServer):
    request_queue_size = 1024
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


STOPS_ACCEPTING = """
import asyncio, re
answered = 0
async def serve(reader, writer):
    global answered
    while not reader.at_eof():
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        await reader.readexactly(int((re.findall(b"(?i)content-length: *([0-9]+)", head) or [0])[0]))
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
        answered += head.startswith(b"POST")  # not the health checks
        if answered == 20:
            asyncio.get_running_loop().remove_reader(server.sockets[0].fileno())
async def main():
    global server
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
"""Whoever is connected is served for ever. The kernel goes on to take connections, and nobody else does."""

BREAKS = """
import itertools
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
logins = itertools.count(1)
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    broken = False
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.command == "POST" and next(logins) == 20:
            Handler.broken = True
        self.send_response(503 if self.broken and self.command == "GET" else 200)
        self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    do_POST = do_GET
    def log_message(self, *_): pass
class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
"""Whom the load asks is answered well for ever, and everybody else with an error from its twentieth request on."""


@contextmanager
def serving(program: str) -> Iterator[str]:
    """Its address."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def run(directory: Path, way: str) -> Finished:
    arguments = {"auto": (), "forked": runs.processes(2), "yes": ("--connect-early", "yes", "--drain-timeout-s", "2")}
    with serving(SERVER) as host:
        return runs.locust(directory, "herd_http.py", *arguments[way], host=host).wait()


def run_to_the_end_of_accepting(directory: Path) -> Finished:
    with serving(STOPS_ACCEPTING) as host:
        return runs.locust(
            directory, "herd_http.py", "--back-within-s", "0", "--connect-early", "yes", host=host
        ).wait()


@together(run_to_the_end_of_accepting)
def test_a_target_that_accepts_nobody_any_more_has_not_come_back(outcome: Finished) -> None:
    """All its requests were answered, on connections that were open before, and so was its port."""
    assert outcome.code == 3
    assert outcome.count() == outcome.count(OK) > 40
    (port, anew) = (mark for mark in outcome.recording.health if mark.when == "after")
    assert port.ok and not anew.ok
    assert "did not come back" in outcome.finding("target_healthy")["reason"]


def run_of_newcomers(directory: Path) -> Finished:
    """A second passes between two starts of a user: whoever connects then does so after the target has stopped."""
    users = "--canary-users", "20", "--canary-per-s", "20", "--drain-timeout-s", "1"
    with serving(STOPS_ACCEPTING) as host:
        return runs.locust(directory, "herd_http.py", "--back-within-s", "0", *users, host=host).wait()


@together(run_of_newcomers)
def test_newcomers_find_out_that_a_target_accepts_nobody_any_more(outcome: Finished) -> None:
    """Whoever stays connected is answered, as before."""
    found = ErrorRatio(phase="recovery", limit=0.05).judge(outcome.recording)
    assert found.outcome is Outcome.FAIL, found.reason
    assert outcome.count(OK) + outcome.count(UNFINISHED) == outcome.count()


def run_to_errors_on_an_open_port(directory: Path) -> Finished:
    with serving(BREAKS) as host:
        return runs.locust(directory, "herd_http.py", "--back-within-s", "0", host=host).wait()


@together(run_to_errors_on_an_open_port)
def test_a_target_that_has_only_errors_for_others_has_not_come_back(outcome: Finished) -> None:
    """Its port is open, as it was before."""
    assert outcome.code == 3
    assert outcome.count() == outcome.count(OK) > 40
    before, after = (mark for mark in outcome.recording.health if mark.check.startswith("GET"))
    assert before.ok and before.detail == "HTTP 200"
    assert not after.ok and after.detail == "HTTP 503, and HTTP 200 before the load"
    assert "did not come back" in outcome.finding("target_healthy")["reason"]


@together(run, way=["auto", "forked"])
def test_users_connect_only_when_they_start_where_parked_connections_would_starve_the_target(outcome: Finished) -> None:
    outcome.ended_well(code=0)
    assert outcome.count() == outcome.count(OK) > 40
    (parked,) = (mark for mark in outcome.recording.health if mark.when == "parked")
    assert not parked.ok and "users connect only when they start" in parked.detail
    assert any("beside parked connections" in note for note in outcome.verdict["notes"])
    assert outcome.finding("spike_delivered")["outcome"] == "PASS"


@together(run, way=["yes"])
def test_whoever_insists_gets_no_pass(outcome: Finished) -> None:
    """Whom the server takes first is chance. A baseline that is starved proves nothing, and a spike of which most
    requests had no answer fails.
    """
    assert outcome.code in (3, 4)
    assert not [mark for mark in outcome.recording.health if mark.when == "parked"]
