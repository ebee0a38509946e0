"""Users who are led to another host do not get there, and the run says so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

FOREIGN = "192.0.2.7"
"""Of TEST-NET-1 (RFC 5737): nobody's."""
SERVER = f"""
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "http://{FOREIGN}:81/login"); self.send_header("Content-Length", "0")
        self.end_headers()
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def redirecting() -> Iterator[str]:
    """The address of a service that sends everybody to the login of another host."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def led_away(directory: Path, scenario: str) -> Finished:
    with redirecting() as host:
        return runs.locust(directory, scenario, host=host).wait()


@together(led_away, scenario=["stock.py", "stock_fast.py"])
def test_a_redirect_to_another_host_is_not_followed_there(outcome: Finished) -> None:
    outcome.ended_well(4)
    finding = outcome.finding("connections_allowed")
    assert finding["outcome"] == "INCONCLUSIVE"
    assert f"{FOREIGN}:81" in finding["reason"] and "--allow-host" in finding["reason"]
    assert finding["figure"] == outcome.count("blocked") == outcome.count() > 0
    assert outcome.finding("error_ratio")["outcome"] == "INCONCLUSIVE"


def probe_elsewhere(directory: Path) -> Finished:
    with redirecting() as host:
        return runs.locust(directory, "herd_http.py", "--probe-json", f"http://{FOREIGN}/metrics", host=host).wait()


@together(probe_elsewhere)
def test_a_probe_of_another_host_needs_consent(outcome: Finished) -> None:
    outcome.ended_well(2)
    assert f"{FOREIGN}" in outcome.err and f"--allow-host {FOREIGN}" in outcome.err
    assert not outcome.directories
