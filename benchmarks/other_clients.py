"""How tightly a herd leaves that sends with clients others have made, for HTTP/2 and gRPC, beside the lean client."""

from __future__ import annotations

import statistics
import urllib.request
from collections.abc import Callable

from benchmarks._contest import Table, arrivals, bare_target, in_turn, locust, percentile_span_ms, spread

ROUNDS = 1
USERS = 100
CLIENTS = {
    "PacedHttpUser, HTTP/1.1": "lean",
    "httpx, HTTP/2, one connection": "http2",
    "httpx, HTTP/2, a connection each": "http2 own",
    "grpcio, one connection": "grpc",
    "grpcio, a connection each": "grpc own",
}


def run(rounds: int) -> list[Table]:
    with bare_target(kind="_clients_target") as url:
        with urllib.request.urlopen(f"{url}/grpc", timeout=10) as answer:
            grpc = f"127.0.0.1:{answer.read().decode()}"

        def with_client(client: str) -> Callable[[], float]:
            def skew_ms() -> float:
                arrivals(url)
                variables = {"CLIENT": client, "GRPC": grpc}
                locust("herd_clients.py", url, "--herd-users", str(USERS), variables=variables)
                return percentile_span_ms(arrivals(url)[-USERS:])

            return skew_ms

        results = in_turn(rounds, {name: with_client(client) for name, client in CLIENTS.items()})
    lean = statistics.median(results["PacedHttpUser, HTTP/1.1"])
    rows = tuple(
        (name, spread(values, "ms"), f"{statistics.median(values) / lean:.1f}") for name, values in results.items()
    )
    note = (
        f"{USERS} users, connected before, who are woken by the gate and send for themselves; p95 − p5 of the instants "
        "at which a server in Python (Hypercorn for HTTP/1.1 and HTTP/2, grpcio) hands them to its application; median "
        f"(range) of {rounds} rounds taken in turn. What the server takes for each is in it."
    )
    return [
        Table("Release skew with HTTP/2 and gRPC", ("client", "p5–p95 at the server", "× PacedHttpUser"), rows, note)
    ]
