"""A tiny real HTTP service for tests that need no reference target: ``with service.running() as it``.

It runs in a process of its own on a free loopback port, answers every path, and counts what it was asked.
``it.behave(latency_ms=500)`` changes how it answers from now on, and a query does so for one request:
``/any?status=503&latency_ms=20``. ``status`` 0 hangs up without an answer, and 1 after half of one.
``/healthz`` is always well and is not counted; nor is, among the ``requests``, what a run asks beside its parked users.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from tests.run.preloaded import ForkedModule

HANG_UP, HALF = 0, 1
BESIDE_PARKED = "GET / by the run"
"""The request with which a run finds out whether others are served beside its parked users; it is no load."""
REASONS = {200: "OK", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass(frozen=True)
class Service:
    """The service as a test sees it."""

    process: ForkedModule
    url: str

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def behave(self, *, latency_ms: float = 0, status: int = 200, per_s: float = 0) -> None:
        """From now on every request is answered so; one after another, ``per_s`` a second, where that is given."""
        self._ask(f"/_behave?latency_ms={latency_ms}&status={status}&per_s={per_s}")

    def counts(self) -> dict[str, int]:
        """``POST /path`` → requests that arrived so far, whatever they were answered; and ``connections``."""
        counts: dict[str, int] = json.loads(self._ask("/_counts"))
        return counts

    @property
    def requests(self) -> int:
        """Those of load, and whatever else arrived, but for :data:`BESIDE_PARKED`."""
        return sum(count for name, count in self.counts().items() if " /" in name and name != BESIDE_PARKED)

    @property
    def established(self) -> int:
        """Connections that nobody has closed, also where a request waits for its answer."""
        import psutil

        found = psutil.Process(self.process.pid).net_connections("tcp")
        return sum(each.status == psutil.CONN_ESTABLISHED for each in found)

    def kill(self) -> None:
        """As a crash of the target: SIGKILL, at once."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def _ask(self, path: str) -> bytes:
        import urllib.request  # not for the service itself, which is started a hundred times

        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            body: bytes = answer.read()
            return body


@contextmanager
def running(*, latency_ms: float = 0, status: int = 200) -> Iterator[Service]:
    """The service, ready, and gone afterwards."""
    from tests.run.preloaded import ForkedModule  # not for the service itself

    command = [sys.executable, "-m", "tests.service", str(latency_ms), str(status)]
    with ForkedModule(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Service(process, process.stdout.readline().strip())
        finally:
            process.kill()


class Answering:
    """The service itself."""

    def __init__(self, latency_ms: float, status: int) -> None:
        self.behaviour = {"latency_ms": str(latency_ms), "status": str(status)}
        self.counts: Counter[str] = Counter()
        self._tokens = 0
        self._free_s = 0.0
        """When the last one has had its turn."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted = False
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await self._one(reader, writer, counted):
                counted = True
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counted: bool) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = request.split(" ")
        url = urlsplit(target)
        own = dict(parse_qsl(url.query))
        self._tokens += 1
        body = b'{"token": "%08d", "well": true}' % self._tokens
        if url.path == "/_behave":
            self.behaviour, own = own, {"latency_ms": "0", "status": "200"}
        elif url.path == "/_counts":
            body, own = json.dumps(self.counts).encode(), {"latency_ms": "0", "status": "200"}
        elif url.path == "/healthz":
            own = {"latency_ms": "0", "status": "200"}
        else:
            name = f"{method} {url.path}"
            is_of_run = name == "GET /" and headers.get("user-agent") == "springback-probe"
            self.counts[BESIDE_PARKED if is_of_run else name] += 1
            self.counts["connections"] += not counted
        how = {**self.behaviour, **own}
        await asyncio.sleep(float(how["latency_ms"]) / 1000 + self._turn_s(float(how.get("per_s", 0))))
        status = int(how["status"])
        if status == HANG_UP:
            return False
        length = len(body) * (2 if status == HALF else 1)
        status = 200 if status == HALF else status
        answer = f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}\r\nContent-Length: {length}\r\n\r\n".encode() + body
        writer.write(answer)
        await writer.drain()
        return length == len(body)

    def _turn_s(self, per_s: float) -> float:
        """How long a request that comes now waits until it has had its turn, on a clock that no load makes late."""
        if not per_s:
            return 0.0
        now_s = asyncio.get_running_loop().time()
        self._free_s = max(now_s, self._free_s) + 1 / per_s
        return self._free_s - now_s


async def main(latency_ms: float, status: int) -> None:
    server = await asyncio.start_server(Answering(latency_ms, status).serve, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    # The pipe closes with the test that holds it, however that ends.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2])))
