"""The server that generators are measured against: Debian's nginx with a configuration of our own, or the bare target.

It counts the requests itself, so that every generator is measured in the same way.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks._contest import arrivals, bare_target, free_port

CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log crit;
worker_rlimit_nofile {descriptors};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
    uwsgi_temp_path {directory}; scgi_temp_path {directory};
    default_type application/json;
    server {{
        listen 127.0.0.1:{port} backlog=16384;
        location = /small {{ return 200 '{{"token":"x"}}'; }}
        location = /status {{ stub_status; }}
    }}
}}
"""


class Server:
    """``url`` answers ``GET /small`` with 13 bytes."""

    def __init__(self, url: str, kind: str) -> None:
        self.url = url
        self.kind = kind
        self._seen = 0

    def requests(self) -> int:
        """How many requests have arrived so far."""
        if self.kind != "nginx":
            self._seen += len(arrivals(self.url))
            return self._seen
        with urllib.request.urlopen(f"{self.url}/status", timeout=10) as answer:
            found = re.search(r"\n\s*\d+\s+\d+\s+(\d+)", answer.read().decode())
        assert found is not None
        return int(found.group(1))


@contextmanager
def server(core: int, connections: int = 1024) -> Iterator[Server]:
    """The server in a process of its own, on this core alone."""
    with ExitStack() as stack:
        stack.enter_context(on_core(core))
        binary = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
        if binary is None:
            yield Server(stack.enter_context(bare_target()), "the bare target (there is no nginx here)")
            return
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="springback-nginx-"))
        port = free_port()
        configuration = Path(directory) / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(
                directory=directory, port=port, connections=connections + 100, descriptors=connections + 200
            )
        )
        command = [binary, "-p", directory, "-c", str(configuration), "-e", f"{directory}/start.log"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            found = Server(f"http://127.0.0.1:{port}", "nginx")
            _wait_until_up(found, process)
            yield found
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes started inside run on this core alone, where the system allows it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} if core in usual else usual)
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def _wait_until_up(found: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        try:
            found.requests()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise RuntimeError("nginx does not start")
