"""How tightly a herd of 500 leaves: Springback's gate beside stock users at spawn rate 500."""

from __future__ import annotations

import shutil
import statistics
import subprocess
from collections.abc import Callable

from benchmarks._contest import Table, arrivals, bare_target, in_turn, locust, percentile_span_ms, spread

USERS = 500
PEERS = {
    "h2load": ("h2load", "--h1", "-n", str(USERS), "-c", str(USERS)),
    "autocannon": ("autocannon", "-c", str(USERS), "-a", str(USERS)),
}


def run(rounds: int) -> list[Table]:
    with bare_target() as url:

        def seen(start: Callable[[], object]) -> float:
            arrivals(url)
            start()
            instants = arrivals(url)
            if len(instants) < USERS:
                raise RuntimeError(f"{len(instants)} of {USERS} requests arrived")
            return percentile_span_ms(instants[-USERS:])

        def springback(*options: str) -> Callable[[], float]:
            return lambda: seen(lambda: locust("herd_springback.py", url, *options))

        def stock(kind: str) -> Callable[[], float]:
            options = ("-u", str(USERS), "-r", str(USERS), "-t", "4")
            return lambda: seen(lambda: locust("herd_stock.py", url, *options, variables={"STOCK": kind}))

        contestants = {
            "Springback, one process": springback(),
            "Springback, two workers": springback("--processes", "2"),
            "stock FastHttpUser": stock("fast"),
            "stock HttpUser": stock("http"),
        }
        for name, command in PEERS.items():
            if shutil.which(name):
                contestants[name] = _peer(seen, [*command, url + "/"])
        results = in_turn(rounds, contestants)
    own = statistics.median(results["Springback, one process"])
    rows = tuple(
        (name, spread(values, "ms"), f"{statistics.median(values) / own:.1f}") for name, values in results.items()
    )
    note = (
        f"{USERS} logins, p95 − p5 of the instants at which they arrive at a bare server; median (range) of {rounds} "
        "rounds taken in turn. Springback's connections are open before; stock users and peers connect first."
    )
    return [Table("Release skew of a herd", ("generator", "p5–p95 at the server", "× Springback"), rows, note)]


def _peer(seen: Callable[[Callable[[], object]], float], command: list[str]) -> Callable[[], float]:
    return lambda: seen(lambda: subprocess.run(command, capture_output=True, check=True, timeout=60))
