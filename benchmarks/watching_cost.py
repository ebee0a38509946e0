"""What it costs the master that its run is watched: by a live page, and by a Prometheus."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable

from benchmarks._contest import HERE, Table, in_turn, spread
from benchmarks._watching import NODES, REQUESTS_PER_S, SECONDS, WAYS

ROUNDS = 2
SIZES = (10, 100)
WATCHED = {"page": "one live page is open", "metrics": "`/metrics`, scraped once a second", "nobody": "nobody looks"}


def run(rounds: int) -> list[Table]:
    def cpu_ms(names: int, way: str) -> Callable[[], float]:
        def once() -> float:
            command = [sys.executable, "-m", "benchmarks._watching", str(names), way]
            return float(subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True).stdout)

        return once

    each = {(names, way): f"{names} names, {way}" for names in SIZES for way in WAYS}
    results = in_turn(rounds, {label: cpu_ms(*key) for key, label in each.items()})
    rows = []
    for (names, way), label in each.items():
        without = statistics.median(results[each[names, "nobody"]])
        more = [value - without for value in results[label]]
        share = "" if way == "nobody" else f"{statistics.median(more) / 10:.1f} %"
        rows.append((f"{names}", WATCHED[way], spread(results[label], "ms", 1), share))
    note = (
        f"CPU time of the master for one second of a run of {REQUESTS_PER_S:,} requests a second over {NODES} load "
        "processes. What it takes in, and looks at for the alerts, is the same in all; the last column is what "
        "watching adds, of a core. `/metrics` is read once a second, so a share of 1 % would be 10 ms a page. "
        f"Mean of {SECONDS} s; median (range) of {rounds} rounds taken in turn."
    )
    head = ("request names", "watched", "CPU per second", "more, of a core")
    return [Table("What it costs to be watched", head, tuple(rows), note)]
