"""Requests per second of one process on one core: LeanHttpUser, Locust's own classes, and other tools on PATH."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks._contest import Table, in_turn, spread
from benchmarks._rate import SERVER_CORE, Rate, locust_rate, rate_of
from benchmarks._server import Server, server

ROUNDS = 2
USERS = 32
BASELINE = "FastHttpUser"

K6_SCRIPT = """
import http from 'k6/http';
export default function () { http.get(`${__ENV.URL}/small`); }
"""


def run(rounds: int) -> list[Table]:
    with server(SERVER_CORE) as target, tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:

        def locust(contestant: str, attached: bool = False) -> Callable[[], Rate]:
            return locust_rate(target, directory, contestant, attached, USERS)

        contestants = {
            "LeanHttpUser, recorded": locust("LeanHttpUser", attached=True),
            "LeanHttpUser": locust("LeanHttpUser"),
            "FastHttpUser, recorded": locust("FastHttpUser", attached=True),
            BASELINE: locust("FastHttpUser"),
            "HttpUser": locust("HttpUser"),
            **_others(target, directory),
        }
        results = in_turn(rounds, contestants)
        kind = target.kind
    medians = {name: statistics.median(map(float, values)) for name, values in results.items()}
    cpu_us = {name: statistics.median(each.cpu_us for each in values) for name, values in results.items()}
    rows = tuple(
        (
            name,
            spread([each.per_s for each in values], "req/s", 0),
            f"{medians[name] / medians[BASELINE]:.2f}",
            f"{medians[name] / medians['HttpUser']:.2f}",
            spread([each.cpu_us for each in values], "µs", 0),
            f"{cpu_us[BASELINE] / cpu_us[name]:.2f}",
        )
        for name, values in results.items()
    )
    note = (
        f"{USERS} users without a pause, keep-alive, one small answer, against {kind}; the generator, with all that it "
        "starts, and the server on a core each; one process and one thread of each generator. Counted at the server; "
        f'median (range) of {rounds} rounds taken in turn. "recorded": the harness is attached. All of Locust\'s '
        "contestants feed Locust's statistics. Last: how many requests are made with the CPU that FastHttpUser takes "
        "for one; what else goes on on the machine weighs less on that."
    )
    heads = ("generator", "throughput", "to FastHttpUser", "to HttpUser", "CPU per request", "FastHttpUser's ÷ it")
    return [Table("Throughput", heads, rows, note)]


def _others(target: Server, directory: str) -> dict[str, Callable[[], Rate]]:
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
    found: dict[str, Callable[[], Rate]] = {}
    for name, arguments in commands.items():
        if binary := shutil.which(name):
            given = f"GET {url}\n".encode() if name == "vegeta" else b""
            found[name] = _tool(target, (binary, *arguments), given)
    return found


def _tool(target: Server, command: Sequence[str], given: bytes) -> Callable[[], Rate]:
    return lambda: rate_of(target, command, {"GOMAXPROCS": "1"}, given)
