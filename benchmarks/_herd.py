"""Herds against the bare target, and how tightly they arrive there: Springback's, and those of peers on PATH."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks._contest import HERE, RUN_TIMEOUT_S, arrivals, connections, locust, percentile_span_ms

USERS = 500
PEERS = {
    "h2load": ("h2load", "--h1", "-n", str(USERS), "-c", str(USERS)),
    "hey": ("hey", "-n", str(USERS), "-c", str(USERS)),
    "autocannon": ("autocannon", "-c", str(USERS), "-a", str(USERS)),
}


@dataclass(frozen=True)
class Skew:
    """By the target's clock, in milliseconds."""

    requests_ms: float
    """p95 − p5 of the arrivals of the requests."""
    connections_ms: float
    """The same of the connections, where they belong to the herd."""
    whole_ms: float
    """From the first connection to the last request."""


def skew(url: str, users: int, start: Callable[[], object]) -> Skew:
    """Of the herd that ``start`` lets go; its last ``users`` connections and requests."""
    arrivals(url)
    connections(url)
    start()
    requests, opened = arrivals(url)[-users:], connections(url)[-users:]
    if len(requests) < users:
        raise RuntimeError(f"{len(requests)} of {users} requests arrived")
    return Skew(percentile_span_ms(requests), percentile_span_ms(opened), (requests[-1] - opened[0]) * 1000)


def springback(url: str, *options: str, users: int = USERS, cold: bool = False) -> Skew:
    options = ("--herd-users", str(users), *options)
    variables = {"COLD": "1"} if cold else {}
    return skew(url, users, lambda: locust("herd_springback.py", url, *options, variables=variables))


def peers() -> list[str]:
    """Those that are here."""
    return [name for name in PEERS if shutil.which(name)]


def peer(url: str, name: str) -> Skew:
    command = [*PEERS[name], url + "/"]
    return skew(url, USERS, lambda: subprocess.run(command, capture_output=True, check=True, timeout=60))


def bare_loop_ms(url: str, users: int, *then: str) -> float:
    """What it takes to connect so many; ``then`` is ``send``, or nothing. See :mod:`benchmarks._connecting`."""
    command = [sys.executable, "-m", "benchmarks._connecting", url, str(users), *then]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=True)
    return float(done.stdout) * 1000
