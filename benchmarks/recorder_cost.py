"""What the recorder costs: requests per second of stock FastHttpUser, with and without the harness attached."""

from __future__ import annotations

import statistics
import tempfile

from benchmarks._contest import Table, in_turn, spread
from benchmarks._rate import SERVER_CORE, locust_rate
from benchmarks._server import server

ROUNDS = 7
USERS = 20
WITHOUT = "without attach"


def run(rounds: int) -> list[Table]:
    with server(SERVER_CORE) as target, tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        contestants = {
            name: locust_rate(target, directory, "FastHttpUser", attached, USERS)
            for name, attached in {WITHOUT: False, "with attach": True}.items()
        }
        results = in_turn(rounds, contestants)
        kind = target.kind
    per_s = {name: statistics.median(map(float, values)) for name, values in results.items()}
    cpu_us = {name: statistics.median(each.cpu_us for each in values) for name, values in results.items()}
    rows = tuple(
        (
            name,
            spread([each.per_s for each in values], "req/s", 0),
            f"{per_s[name] / per_s[WITHOUT]:.3f}",
            spread([each.cpu_us for each in values], "µs", 0),
            f"{cpu_us[WITHOUT] / cpu_us[name]:.3f}",
        )
        for name, values in results.items()
    )
    note = (
        f"Stock FastHttpUser, {USERS} users without a pause, one process, against {kind}; the load process, with all "
        "that the harness starts beside it, and the server on a core each. CPU per request: of the former, with all "
        f"of these. Median (range) of {rounds} rounds taken in turn."
    )
    heads = ("FastHttpUser", "throughput", "ratio", "CPU per request", "ratio")
    return [Table("Cost of the recorder", heads, rows, note)]
