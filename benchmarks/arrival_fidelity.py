"""Arrivals as drawn: how late starts are at 2,000/s, and how far each shape's delivered curve is from its plan."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks._contest import HERE, Table, arrivals, bare_target, in_turn, locust, spread
from harness.analysis.histogram import bucket_bounds_us
from harness.load.schedule import due_times
from harness.recording import Recording
from shapes._profile import Polyline

ROUNDS = 3
RATE = 2000
MANY = 4
"""A round of the curves takes so many times as long as others, so there are fewer of them."""


def run(rounds: int) -> list[Table]:
    with bare_target() as url:
        return [_lateness(url, rounds), _curves(url, max(1, rounds // MANY))]


# How late starts are


@dataclass(frozen=True)
class Paced:
    """A run at the constant rate, and what its locustfile noted."""

    recording: Recording
    lags_ms: list[float]
    """From the intended start to the sending, in order of size."""
    pacer_cpu_s: float

    @property
    def duration_s(self) -> int:
        return self.recording.header.phases[-1].end_s

    @property
    def accounted(self) -> int:
        return sum(piece.count for piece in self.recording.slices)

    @property
    def cpu_percent(self) -> float:
        """CPU of the load process, the median of its seconds."""
        samples = [p for p in self.recording.probes if p.probe == "generator" and 1 < p.t < self.duration_s]
        return 100 * statistics.median(sample.values["cpu_ratio"] for sample in samples)

    @property
    def latency_p99_ms(self) -> float:
        """From the intended start to the end of the answer, to the end of its bucket."""
        counts: Counter[int] = Counter()
        for piece in self.recording.slices:
            counts.update(piece.latency)
        left = sum(counts.values()) * 0.01
        for index in sorted(counts, reverse=True):
            left -= counts[index]
            if left <= 0:
                return bucket_bounds_us(index)[1] / 1000
        return 0.0


def _lateness(url: str, rounds: int) -> Table:
    runs: list[Paced] = []

    def lag_p99_ms() -> float:
        runs.append(_paced(url))
        return _quantile(runs[-1].lags_ms, 0.99)

    results = in_turn(
        rounds, {"lag p99, ms": lag_p99_ms, "pacer alone, %": _alone("pace"), "sleeping alone, %": _alone("sleep")}
    )
    shares = [paced.accounted / (RATE * paced.duration_s) for paced in runs]
    pacer = [100 * paced.pacer_cpu_s / paced.duration_s for paced in runs]
    rows = (
        ("lag (sent − intended), median", spread([_quantile(paced.lags_ms, 0.5) for paced in runs], "ms", 2)),
        ("lag, p99", spread(results["lag p99, ms"], "ms", 2)),
        ("lag, largest", spread([paced.lags_ms[-1] for paced in runs], "ms", 1)),
        ("intended start to end of the answer, p99", spread([paced.latency_p99_ms for paced in runs], "ms", 2)),
        ("starts accounted for ÷ planned", f"{min(shares):.4f} – {max(shares):.4f}"),
        ("CPU of the load process", spread([paced.cpu_percent for paced in runs], "% of a core", 0)),
        ("of it the pacer's own work", spread(pacer, "% of a core", 2)),
        ("CPU of a process with a pacer only", spread(results["pacer alone, %"], "% of a core", 2)),
        ("CPU of a process that only sleeps, 1 ms at a time", spread(results["sleeping alone, %"], "% of a core", 2)),
    )
    note = (
        f"{RATE:,} starts/s of the lean client, one process, for {runs[0].duration_s} s against a bare server; median "
        f"(range) of {rounds} rounds. The lag is that of every single request, read from the clock. The pacer's own "
        "work is the CPU time of its thread between one of its sleeps and the next (schedule, waking users); waking "
        "up itself is the system's, so beside it stands a process with a pacer and nobody who does anything, and one "
        "that does nothing but wake up as often."
    )
    return Table("Lateness of arrivals", ("figure", "value"), rows, note)


def _paced(url: str) -> Paced:
    with tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        file = Path(directory) / "figures.json"
        recording = locust("arrivals_constant.py", url, variables={"FIGURES": str(file)})
        assert recording is not None
        figures = json.loads(file.read_text())
    return Paced(recording, sorted(1000 * lag_s for lag_s in figures["lags_s"]), figures["pacer_cpu_s"])


def _quantile(ordered: list[float], q: float) -> float:
    return ordered[round(q * (len(ordered) - 1))]


def _alone(work: str) -> Callable[[], float]:
    def once() -> float:
        command = [sys.executable, "-m", "benchmarks._pacing", work]
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=60, check=True)
        return 100 * float(done.stdout)

    return once


# How far the delivered curve is from the plan


def _curves(url: str, rounds: int) -> Table:
    kinds = {"one process": (), "two load processes": ("--processes", "2")}
    found: dict[str, dict[str, float]] = {}
    """Shape → kind → the largest deviation of all rounds, in percent."""

    def worst(kind: str) -> Callable[[], float]:
        def once() -> float:
            deviations = _deviations(url, kinds[kind])
            for shape, deviation in deviations.items():
                of_shape = found.setdefault(shape, {})
                of_shape[kind] = max(of_shape.get(kind, 0.0), 100 * deviation)
            return 100 * max(deviations.values())

        return once

    in_turn(rounds, {f"worst of all shapes, {kind}, %": worst(kind) for kind in kinds})
    rows = tuple((shape, *(f"{found[shape][kind]:.2f} %" for kind in kinds)) for shape in found)
    note = (
        "Largest difference, in any second of any round, between the requests that arrived at the target and those "
        "planned, as a share of the most that are planned in a second (400, fewer where a slope ends). All shapes one "
        f"after another in one run; {rounds} {'round' if rounds == 1 else 'rounds'}. The target's own instants count, "
        "not what we say we sent."
    )
    return Table("Delivered curve against the plan", ("shape", *kinds), rows, note)


def _deviations(url: str, options: tuple[str, ...]) -> dict[str, float]:
    """For each phase the largest |arrived − planned| in any of its seconds ÷ its largest planned second."""
    arrivals(url)
    recording = locust("arrivals_shapes.py", url, *options)
    assert recording is not None
    header = recording.header
    due = sorted([*due_times(Polyline(header.level)), *(gate.t for gate in header.gates for _ in range(gate.users))])
    instants = arrivals(url)
    # The target does not know when the run began: at the latest instant by which nothing arrived before it was due.
    origin_s = min(instant - t for instant, t in zip(instants, due, strict=False))
    planned, arrived = Counter(int(t) for t in due), Counter(int(instant - origin_s) for instant in instants)
    return {
        phase.name: max(abs(arrived[t] - planned[t]) for t in range(phase.start_s, phase.end_s))
        / max(planned[t] for t in range(phase.start_s, phase.end_s))
        for phase in header.phases
    }
