"""What a load process makes, and how many start on one machine: for the sizing in docs/distributed.md."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._contest import HERE, RUN_TIMEOUT_S, Table, bare_target, free_port, in_turn, locust, spread
from harness.analysis.generator import PROBE as GENERATOR
from harness.recording import Recording
from harness.recording.file import read
from harness.recording.marks import LOST, NodeMark
from harness.recording.values import OK

ROUNDS = 1
"""Each start takes the whole machine for half a minute."""
PROCESSES = 24
LOCUSTFILE = HERE / "locustfiles" / "many_processes.py"
HERD_AFTER_S = 1
RATES = (1000, 2000, 4000, 6000, 8000)


def run(rounds: int) -> list[Table]:
    with bare_target() as url:
        return [_starts(url, rounds), _rates(url, rounds)]


# How many start


@dataclass(frozen=True)
class Started:
    took_s: float
    """From the command to the first phase."""
    held_up_s: list[float]
    """Of each load process, the longest time in which its event loop stood still, in order of size."""
    lost: int
    released: int
    """Load processes that released their part of the herd."""


def _starts(url: str, rounds: int) -> Table:
    found: dict[str, list[Started]] = {}
    kinds = {f"--processes {PROCESSES}": True, f"{PROCESSES} times --worker": False}

    def once(name: str, forked: bool) -> Callable[[], float]:
        def start() -> float:
            found.setdefault(name, []).append(_started(url, forked))
            return found[name][-1].took_s

        return start

    in_turn(rounds, {name: once(name, forked) for name, forked in kinds.items()})
    rows = tuple(
        (
            name,
            spread([each.took_s for each in starts], "s"),
            spread([1000 * statistics.median(each.held_up_s) for each in starts], "ms", 0),
            spread([1000 * each.held_up_s[-1] for each in starts], "ms", 0),
            f"{max(each.lost for each in starts)}",
            f"{min(each.released for each in starts)} of {PROCESSES}",
        )
        for name, starts in found.items()
    )
    note = (
        f"{PROCESSES} load processes on this one machine, {os.cpu_count()} cores, with a herd of 480 users; from the "
        "command to the first phase. Held up: the longest time in which the event loop of a load process stood still "
        "until the herd was released, by its own timer of 10 ms: the median and the largest of all processes. Locust "
        f"gives a load process up after some 4 s without a word. Median (range) of {rounds} rounds taken in turn."
    )
    heads = ("load processes", "start takes", "held up, median", "held up, largest", "lost, most", "released the herd")
    return Table("Many load processes on one machine", heads, rows, note)


def _started(url: str, forked: bool) -> Started:
    with tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        figures, runs = Path(directory, "figures"), Path(directory, "runs")
        figures.mkdir()
        environment = {**os.environ, "FIGURES": str(figures), "SPRINGBACK_RUNS_DIR": str(runs)}
        began_s = time.monotonic()
        with _processes(url, forked, environment) as master:
            output, _ = master.communicate(timeout=RUN_TIMEOUT_S)
        if master.returncode not in (0, 3, 4):
            raise RuntimeError(f"the master ended with {master.returncode}: {output[-2000:]}")
        recording = read(next(path for path in runs.iterdir() if path.is_dir()))
        told = [json.loads(path.read_text()) for path in figures.glob("*.json")]
    lost = {mark.node for mark in recording.marks if isinstance(mark, NodeMark) and mark.event == LOST}
    released_s = min(each["released_s"] for each in told)
    held_up_s = sorted(each["held_up_s"] for each in told)
    return Started(released_s - HERD_AFTER_S - began_s, held_up_s, len(lost), len(told))


@contextmanager
def _processes(url: str, forked: bool, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The master; the others are gone at the end."""
    port = str(free_port())
    locust_file = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE)]
    listens = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    command = [*locust_file, "--headless", "--only-summary", "--loglevel", "ERROR", "--host", url, *listens]
    workers: list[subprocess.Popen[bytes]] = []
    if forked:
        command += ["--master-port", port, "--processes", str(PROCESSES)]
    else:
        command += ["--master", "--expect-workers", str(PROCESSES)]
        joins = [*locust_file, "--worker", "--master-host", "127.0.0.1", "--master-port", port]

        workers = [
            subprocess.Popen(joins, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(PROCESSES)
        ]
    master = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield master
        for worker in workers:
            worker.wait(RUN_TIMEOUT_S)
    finally:
        processes: list[subprocess.Popen[Any]] = [master, *workers]
        for process in processes:
            process.kill()
            process.wait()


# What one makes


def _rates(url: str, rounds: int) -> Table:
    found: dict[int, list[Paced]] = {}

    def once(rate: int) -> Callable[[], float]:
        def lag_p99_ms() -> float:
            found.setdefault(rate, []).append(_paced(url, rate))
            return found[rate][-1].lag_p99_ms

        return lag_p99_ms

    in_turn(rounds, {f"{rate:,} starts/s": once(rate) for rate in RATES})
    rows = tuple(
        (
            f"{rate:,}",
            f"{min(each.share for each in runs):.4f}",
            spread([each.lag_p99_ms for each in runs], "ms", 1),
            spread([each.cpu_percent for each in runs], "%", 0),
        )
        for rate, runs in found.items()
    )
    note = (
        "Starts per second of the lean client for 5 s, one GET each, against a bare server, which shares the machine; "
        f"median (range) of {rounds} rounds taken in turn. Made: starts with an answer ÷ planned. The lag is from the "
        "intended start to the sending. CPU is that of the load process, the median of its seconds."
    )
    heads = ("planned starts/s", "made, least", "lag, p99", "CPU of a core")
    return Table("What one load process makes", heads, rows, note)


@dataclass(frozen=True)
class Paced:
    share: float
    lag_p99_ms: float
    cpu_percent: float


def _paced(url: str, rate: int) -> Paced:
    with tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        file = Path(directory) / "figures.json"
        options = ("--base", str(rate), "--peak", str(rate), "--pool-users", str(max(200, rate // 10)))
        recording = locust("arrivals_constant.py", url, *options, variables={"FIGURES": str(file)})
        assert recording is not None
        lags_s = sorted(json.loads(file.read_text())["lags_s"])
    return Paced(
        sum(piece.count for piece in recording.slices if piece.outcome == OK) / (rate * _duration_s(recording)),
        1000 * lags_s[round(0.99 * (len(lags_s) - 1))],
        _cpu_percent(recording),
    )


def _duration_s(recording: Recording) -> int:
    return recording.header.phases[-1].end_s


def _cpu_percent(recording: Recording) -> float:
    return 100 * statistics.median(
        sample.values["cpu_ratio"]
        for sample in recording.probes
        if sample.probe == GENERATOR and 1 < sample.t < _duration_s(recording)
    )
