"""Memory of parked users: each holds an open keep-alive connection in one process."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable

from benchmarks._contest import HERE, RUN_TIMEOUT_S, Table, bare_target, descriptors, in_turn, spread
from benchmarks._server import Server, server

ROUNDS = 1
USERS = 10_000
STOCK_USERS = {"FastHttpUser": 2_000, "HttpUser": 1_000}
"""Fewer: what is compared is the memory of one, and ten thousand of these would take long."""
SPARE = 500


def run(rounds: int) -> list[Table]:
    users = min(USERS, descriptors(2 * USERS) - SPARE)
    with server(core=0, connections=users + SPARE) as target:
        counts = {"HerdHttpUser": users, "LeanHttpUser": users, **STOCK_USERS}
        contestants = {f"{name}, {count:,}": _parked(target, name, count) for name, count in counts.items()}
        results = in_turn(rounds, contestants)
        kind = target.kind
    least = statistics.median(results[next(iter(results))])
    rows = tuple(
        (name, spread(values, "kB", 1), f"{statistics.median(values) / least:.2f}") for name, values in results.items()
    )
    note = (
        f"Resident memory per user, in one process, once all are parked with an open connection to {kind}; the first "
        f"50 users, who load what all need, are not counted. HerdHttpUser has its request prepared, too. Median "
        f"(range) of {rounds} rounds taken in turn."
    )
    return [Table("Parked users", ("users", "memory per user", "ratio"), rows, note), _websockets(users, rounds)]


def _websockets(users: int, rounds: int) -> Table:
    with bare_target(kind="_websocket_target") as url:
        name = f"WebSocketUser, {users:,}"
        results = in_turn(rounds, {name: _parked(Server(url, "bare"), "WebSocketUser", users)})
    note = (
        "The same of users that hold an open WebSocket connection (websocket-client), with an account of its messages "
        "each, to a bare server."
    )
    rows = tuple((name, spread(values, "kB", 1)) for name, values in results.items())
    return Table("Open WebSocket connections", ("users", "memory per user"), rows, note)


def _parked(target: Server, name: str, users: int) -> Callable[[], float]:
    def once() -> float:
        command = [sys.executable, "-m", "benchmarks._parked", target.url, name, str(users)]
        done = subprocess.run(
            command, cwd=HERE.parent, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
        return float(done.stdout.splitlines()[-1]) / 1000

    return once
