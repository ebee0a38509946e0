"""A target that serves one connection at a time: parked users must not starve it, or what is compared is void."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.recording import OK
from harness.run.parked_connections import answered_in_s, are_held, check_name
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


@contextmanager
def one_at_a_time() -> Iterator[str]:
    """Its address. It waits for the next request of a connection as long as that is open."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def run(directory: Path, way: str) -> Finished:
    arguments = {"auto": (), "forked": runs.processes(2), "yes": ("--connect-early", "yes", "--drain-timeout-s", "2")}
    with one_at_a_time() as host:
        return runs.locust(directory, "herd_http.py", *arguments[way], host=host).wait()


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
    assert outcome.code in (3, 4)
    assert not [mark for mark in outcome.recording.health if mark.when == "parked"]


def test_who_holds_connections_while_parked() -> None:
    from locust import FastHttpUser, HttpUser, User

    from harness.load.http import LeanHttpUser, PacedHttpUser
    from harness.load.users.paced import Paced

    cold = type("Cold", (PacedHttpUser,), {"connect_early": False, "abstract": True})
    logged_in = type("LoggedIn", (Paced, HttpUser), {"abstract": True})
    odd = type("Odd", (Paced, User), {"abstract": True})
    assert are_held([PacedHttpUser]) and are_held([cold, logged_in])
    for users in ([cold], [LeanHttpUser], [FastHttpUser], [odd]):
        assert not are_held(users)


@pytest.mark.parametrize("host", ["ws://127.0.0.1:1", "postgresql://127.0.0.1:1", "http://127.0.0.1:1"])
def test_a_target_that_cannot_be_asked_by_http_proves_nothing(host: str) -> None:
    assert answered_in_s(host, "") is None


@pytest.mark.parametrize(("path", "asked"), [("", "/"), ("/readyz", "/readyz"), ("/readyz?token=hush", "/readyz")])
def test_what_is_recorded_of_the_question_has_no_query(path: str, asked: str) -> None:
    assert check_name(path) == f"GET {asked} beside parked connections"
