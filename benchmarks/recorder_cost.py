"""What the recorder costs: requests per second of stock FastHttpUser, with and without the harness attached."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from benchmarks._contest import Table, arrivals, bare_target, in_turn, locust, spread

ROUNDS = 7
MIDDLE_S = (1.5, 4.5)
"""Seconds after the first request that are counted: not the spawning, not the stopping."""


def run(rounds: int) -> list[Table]:
    with bare_target() as url:

        def rate(attached: str) -> Callable[[], float]:
            def once() -> float:
                arrivals(url)
                locust("closed_stock.py", url, variables={"ATTACHED": attached})
                instants = arrivals(url)
                begin_s, end_s = (instants[0] + offset for offset in MIDDLE_S)
                return sum(begin_s <= instant < end_s for instant in instants) / (end_s - begin_s)

            return once

        results = in_turn(rounds, {"without attach": rate("no"), "with attach": rate("yes")})
    without = statistics.median(results["without attach"])
    rows = tuple(
        (name, spread(values, "req/s", 0), f"{statistics.median(values) / without:.3f}")
        for name, values in results.items()
    )
    note = (
        "Stock FastHttpUser, 20 users without a pause, one process, against a bare server; "
        f"median (range) of {rounds} rounds taken in turn."
    )
    return [Table("Cost of the recorder", ("FastHttpUser", "throughput", "ratio"), rows, note)]
