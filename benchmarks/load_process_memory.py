"""Memory of a load process: a worker and a local runner, ours and stock Locust's, with the same users, side by side."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks._contest import HERE, RUN_TIMEOUT_S, Table, arrivals, bare_target, free_port, spread

ROUNDS = 3
IDLE_S = 4.0
"""After the start of a worker, which waits for its master meanwhile."""
LOADED_S = 4.0
"""After the first request."""
WAYS = {"no": "stock Locust", "yes": "Springback"}
STATES = ("worker, idle", "worker, 20 users", "local runner, 20 users")
KINDS = ("Rss", "Pss")


def run(rounds: int) -> list[Table]:
    found: dict[tuple[str, str, str], list[float]] = {}
    with bare_target() as url:
        for number in range(rounds):
            for attached in WAYS:
                for state, memory in _states(url, attached):
                    for kind in KINDS:
                        found.setdefault((attached, state, kind), []).append(memory[kind])
                    print(f"  round {number + 1} of {rounds}: {WAYS[attached]}, {state}: {memory}", file=sys.stderr)
    rows = tuple(
        (
            state,
            kind.upper(),
            *(spread(found[attached, state, kind], "MB") for attached in WAYS),
            f"{statistics.median(found['yes', state, kind]) / statistics.median(found['no', state, kind]):.2f}",
        )
        for state in STATES
        for kind in KINDS
    )
    note = (
        "FastHttpUser without a pause, with and without the harness attached, in the same locustfile. Idle: a worker "
        f"that waits for its master. Loaded: {LOADED_S:g} s after the first request. RSS has what the process shares "
        f"with others, PSS its part of that. Median (range) of {rounds} rounds taken in turn."
    )
    heads = ("load process", "memory", *WAYS.values(), "ratio")
    return [Table("Memory of a load process", heads, rows, note)]


def _states(url: str, attached: str) -> Iterator[tuple[str, Mapping[str, float]]]:
    port = str(free_port())
    with _locust(url, attached, "--worker", "--master-host", "127.0.0.1", "--master-port", port) as worker:
        time.sleep(IDLE_S)
        yield STATES[0], _memory(worker)
        bind = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
        with _locust(url, attached, "--master", "--headless", "--expect-workers", "1", *bind):
            _await_load(url)
            yield STATES[1], _memory(worker)
    with _locust(url, attached, "--headless") as runner:
        _await_load(url)
        yield STATES[2], _memory(runner)


@contextmanager
def _locust(url: str, attached: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    file = str(HERE / "locustfiles" / "closed_stock.py")
    command = [sys.executable, "-m", "locust", "-f", file, "--host", url, "--only-summary", "--loglevel", "ERROR"]
    with tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        environment = {**os.environ, "ATTACHED": attached, "SPRINGBACK_RUNS_DIR": directory}
        process = subprocess.Popen(
            [*command, *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(RUN_TIMEOUT_S)
            finally:
                process.kill()


def _await_load(url: str) -> None:
    arrivals(url)
    end_s = time.monotonic() + RUN_TIMEOUT_S
    while not arrivals(url):
        assert time.monotonic() < end_s, "no request in time"
        time.sleep(0.1)
    time.sleep(LOADED_S)


def _memory(process: subprocess.Popen[bytes]) -> dict[str, float]:
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines[1:])
    return {kind: int(fields[kind].split()[0]) * 1024 / 1e6 for kind in KINDS}
