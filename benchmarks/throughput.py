"""Requests per second of one process on one core: LeanHttpUser, Locust's own classes, and other tools on PATH."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks._contest import HERE, Table, free_port, in_turn, spread
from benchmarks._server import Server, on_core, server

ROUNDS = 2
USERS = 32
SERVER_CORE, GENERATOR_CORE = 0, 1
SETTLE_S = 1.5
"""After the first request, before counting: spawning and warming up."""
COUNT_S = 2.5
START_S = 60.0
BASELINE = "FastHttpUser"

K6_SCRIPT = """
import http from 'k6/http';
export default function () { http.get(`${__ENV.URL}/small`); }
"""


def run(rounds: int) -> list[Table]:
    with server(SERVER_CORE) as target, tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        contestants = {
            "LeanHttpUser, recorded": _locust(target, directory, "LeanHttpUser", attached=True),
            "LeanHttpUser": _locust(target, directory, "LeanHttpUser", attached=False),
            "FastHttpUser, recorded": _locust(target, directory, "FastHttpUser", attached=True),
            BASELINE: _locust(target, directory, "FastHttpUser", attached=False),
            "HttpUser": _locust(target, directory, "HttpUser", attached=False),
            **_others(target, directory),
        }
        results = in_turn(rounds, contestants)
        kind = target.kind
    medians = {name: statistics.median(values) for name, values in results.items()}
    rows = tuple(
        (
            name,
            spread(values, "req/s", 0),
            f"{medians[name] / medians[BASELINE]:.2f}",
            f"{medians[name] / medians['HttpUser']:.2f}",
        )
        for name, values in results.items()
    )
    note = (
        f"{USERS} users without a pause, keep-alive, one small answer, against {kind}; generator and server on a core "
        f"each; one process and one thread of each generator. Counted at the server; median (range) of {rounds} rounds "
        "taken in turn. \"recorded\": the harness is attached. All of Locust's contestants feed Locust's statistics."
    )
    return [Table("Throughput", ("generator", "throughput", "to FastHttpUser", "to HttpUser"), rows, note)]


def _locust(target: Server, directory: str, contestant: str, attached: bool) -> Callable[[], float]:
    def once() -> float:
        port = str(free_port())
        command = [
            *(sys.executable, "-m", "locust", "-f", str(HERE / "locustfiles" / "one_get.py")),
            *("--headless", "--only-summary", "--loglevel", "ERROR", "--host", target.url),
            *("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port),
        ]
        variables = {
            "CONTESTANT": contestant,
            "ATTACHED": "yes" if attached else "no",
            "USERS": str(USERS),
            "SPRINGBACK_RUNS_DIR": directory,
        }
        return _measured(target, command, variables)

    return once


def _others(target: Server, directory: str) -> dict[str, Callable[[], float]]:
    """Other tools, as far as they are here: each with one thread and as many connections."""
    url = f"{target.url}/small"
    script = Path(directory) / "one_get.js"
    script.write_text(K6_SCRIPT)
    commands = {
        "wrk": ("-t1", f"-c{USERS}", "-d30s", url),
        "h2load": ("--h1", "-t1", f"-c{USERS}", "-D30", url),
        "k6": ("run", "--quiet", "--no-usage-report", f"-u={USERS}", "-d=30s", f"--env=URL={target.url}", str(script)),
        "hey": ("-c", str(USERS), "-z", "30s", url),
        "autocannon": ("-c", str(USERS), "-d", "30", url),
        "vegeta": ("attack", "-rate=0", f"-max-workers={USERS}", "-duration=30s", "-output=/dev/null"),
    }  # fmt: skip
    found: dict[str, Callable[[], float]] = {}
    for name, arguments in commands.items():
        if binary := shutil.which(name):
            given = f"GET {url}\n".encode() if name == "vegeta" else b""
            found[name] = _tool(target, (binary, *arguments), given)
    return found


def _tool(target: Server, command: Sequence[str], given: bytes) -> Callable[[], float]:
    return lambda: _measured(target, command, {"GOMAXPROCS": "1"}, given)


def _measured(target: Server, command: Sequence[str], variables: dict[str, str], given: bytes = b"") -> float:
    """The rate at which requests arrive while ``command`` runs; it is ended afterwards."""
    with on_core(GENERATOR_CORE):
        process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    try:
        assert process.stdin is not None
        process.stdin.write(given)
        process.stdin.close()
        _wait_for_load(target, process)
        time.sleep(SETTLE_S)
        return target.rate(COUNT_S)
    finally:
        process.kill()
        process.wait()


def _wait_for_load(target: Server, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + START_S
    seen = target.requests()
    while time.monotonic() < end_s and process.poll() is None:
        time.sleep(0.1)
        now = target.requests()
        if now - seen > 20:
            return
        seen = now
    raise RuntimeError(f"{process.args!r} sends nothing")
