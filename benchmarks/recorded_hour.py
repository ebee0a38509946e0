"""What the recording of an hour with many names and load processes weighs, and what it takes to read and judge it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict

from benchmarks._contest import HERE, Table, spread
from benchmarks._hour import NAMES, NODES

ROUNDS = 1
STEPS = ("read", "judge", "html", "markdown", "junit", "verdict_json", "terminal", "reports")


def run(rounds: int) -> list[Table]:
    figures: dict[str, list[float]] = defaultdict(list)

    def step(what: str, directory: str) -> None:
        command = [sys.executable, "-m", "benchmarks._hour", what, directory]
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            name, value = line.split()
            figures[name].append(float(value))

    with tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        step("write", directory)
        for _ in range(rounds):
            step("judge", directory)
    rows = [("recording", f"{figures['bytes'][0] / 1e6:.1f} MB")]
    rows += [(f"{name}, CPU", spread(figures[name], "s", 1)) for name in STEPS]
    rows += [("peak of memory", f"{statistics.median(figures['peak']) / 1e6:.0f} MB")]
    note = (
        f"One hour, {NAMES} names, {NODES} load processes, 2 requests of each name in each of them a second, 3 in the "
        "spike: 4 million in all. Written as a master writes it, then read, judged by seven criteria and the guards, "
        f"and reported in every format, in one process. Median (range) of {rounds} rounds."
    )
    return [Table("The recording of an hour", ("step", "figure"), tuple(rows), note)]
