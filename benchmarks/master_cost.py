"""What the reports of many workers cost the master: CPU of taking them in, writing them, and looking at the alerts."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable

from benchmarks._contest import HERE, Table, in_turn, spread

ROUNDS = 2
WAYS = {"live": "live state, each slice merged once", "text": "lines read back, slices added up for each look"}


def run(rounds: int) -> list[Table]:
    sizes: dict[str, float] = {}

    def cpu_ms(way: str) -> Callable[[], float]:
        def once() -> float:
            command = [sys.executable, "-m", "benchmarks._reports", way]
            done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True)
            ratio, sizes[way] = map(float, done.stdout.split())
            return 1000 * ratio

        return once

    results = in_turn(rounds, {name: cpu_ms(way) for way, name in WAYS.items()})
    live = statistics.median(results[WAYS["live"]])
    rows = tuple(
        (WAYS[way], spread(values, "ms", 0), f"{statistics.median(values) / live:.1f}", f"{sizes[way] / 1e6:.1f} MB")
        for way, values in zip(WAYS, results.values(), strict=True)
    )
    note = (
        "CPU time of the master for one second of a run: reports of 200 workers with 20 names and 20,000 requests in "
        "all are taken from Locust's messages and written to the recording, and the alerts are looked at; with the "
        "live state, what the web UI shows is drawn up as well. The other way is how it was done before. "
        f"Median (range) of {rounds} rounds taken in turn."
    )
    return [
        Table("Reports of many workers", ("the master", "CPU per second", "ratio", "messages per second"), rows, note)
    ]
