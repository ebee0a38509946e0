"""How many requests a second a generator makes on a core of its own, and what CPU each of them takes it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psutil

from benchmarks._contest import HERE, free_port
from benchmarks._server import Server, on_core

SERVER_CORE, GENERATOR_CORE = 0, 1
SETTLE_S = 1.5
"""After the first request, before counting: spawning and warming up."""
COUNT_S = 2.5
START_S = 60.0


@dataclass(frozen=True)
class Rate:
    """Counted at the server."""

    per_s: float
    cpu_us: float
    """For each request, of the generator and of all that it has started."""

    def __float__(self) -> float:
        return self.per_s


def locust_rate(target: Server, directory: str, contestant: str, attached: bool, users: int) -> Callable[[], Rate]:
    """Of users of the class, without a pause; "attached": to the harness, which writes into the directory."""

    def once() -> Rate:
        port = str(free_port())
        command = [
            *(sys.executable, "-m", "locust", "-f", str(HERE / "locustfiles" / "one_get.py")),
            *("--headless", "--only-summary", "--loglevel", "ERROR", "--host", target.url),
            *("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port),
        ]
        variables = {
            "CONTESTANT": contestant,
            "ATTACHED": "yes" if attached else "no",
            "USERS": str(users),
            "SPRINGBACK_RUNS_DIR": directory,
        }
        return rate_of(target, command, variables)

    return once


def rate_of(target: Server, command: Sequence[str], variables: Mapping[str, str], given: bytes = b"") -> Rate:
    """While the command runs, which has ``given`` as its input; it is ended afterwards."""
    with on_core(GENERATOR_CORE):
        process = psutil.Popen(
            command,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    try:
        process.stdin.write(given)
        process.stdin.close()
        _wait_for_load(target, process)
        time.sleep(SETTLE_S)
        before, cpu_s, begin_s = target.requests(), _cpu_s(process), time.monotonic()
        time.sleep(COUNT_S)
        requests, elapsed_s = target.requests() - before - 1, time.monotonic() - begin_s
        return Rate(requests / elapsed_s, (_cpu_s(process) - cpu_s) / requests * 1e6)
    finally:
        process.kill()
        process.wait()


def _cpu_s(process: psutil.Popen) -> float:
    total_s = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total_s += sum(each.cpu_times()[:4])  # user, system, and of the children that were waited for
    return total_s


def _wait_for_load(target: Server, process: psutil.Popen) -> None:
    end_s = time.monotonic() + START_S
    seen = target.requests()
    while time.monotonic() < end_s and process.poll() is None:
        time.sleep(0.1)
        now = target.requests()
        if now - seen > 20:
            return
        seen = now
    raise RuntimeError(f"{process.args!r} sends nothing")
