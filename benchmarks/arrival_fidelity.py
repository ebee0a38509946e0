"""Arrivals as drawn: how late starts are at 2,000/s, and how far each shape's delivered curve is from its plan."""

from __future__ import annotations

import statistics
from collections import Counter

from benchmarks._contest import Table, arrivals, bare_target, in_turn, locust, spread
from harness.analysis.histogram import bucket_bounds_us
from harness.load.schedule import due_times
from harness.recording import Recording
from shapes._profile import Polyline

RATE = 2000
SHAPES = (
    "step",
    "ramp",
    "staircase",
    "double_spike",
    "sawtooth",
    "pulse_train",
    "diurnal",
    "stress_peak",
    "flash_crowd",
)


def run(rounds: int) -> list[Table]:
    with bare_target() as url:
        return [_lateness(url, rounds), _curves(url, max(1, rounds // 2))]


def _lateness(url: str, rounds: int) -> Table:
    recordings: list[Recording] = []

    def latency_ms() -> float:
        recording = locust("arrivals_constant.py", url)
        assert recording is not None
        recordings.append(recording)
        return _latency_p99_ms(recording)

    results = in_turn(rounds, {"latency p99": latency_ms})
    accounted = [sum(piece.count for piece in recording.slices) for recording in recordings]
    planned = RATE * recordings[0].header.phases[-1].end_s
    rows = (
        ("latency p99, an upper bound of the lag's", spread(results["latency p99"], "ms")),
        ("starts accounted for ÷ planned", f"{min(accounted) / planned:.4f} – {max(accounted) / planned:.4f}"),
        (
            "CPU of the load process",
            spread([_cpu_ratio(recording) * 100 for recording in recordings], "% of a core", 0),
        ),
    )
    note = f"{RATE} starts/s of the lean client, one process, against a bare server; median (range) of {rounds} rounds."
    return Table("Lateness of arrivals", ("figure", "value"), rows, note)


def _latency_p99_ms(recording: Recording) -> float:
    """p99 from the intended start, to the end of its bucket: no start was later than its latency."""
    counts: Counter[int] = Counter()
    for piece in recording.slices:
        counts.update(piece.latency)
    left = sum(counts.values()) * 0.01
    for index in sorted(counts, reverse=True):
        left -= counts[index]
        if left <= 0:
            return bucket_bounds_us(index)[1] / 1000
    return 0.0


def _cpu_ratio(recording: Recording) -> float:
    end = recording.header.phases[-1].end_s
    ratios = [p.values["cpu_ratio"] for p in recording.probes if p.probe == "generator" and 1 < p.t < end]
    return statistics.median(ratios)


def _curves(url: str, rounds: int) -> Table:
    contestants = {}
    for shape in SHAPES:
        for label, options in (("one process", ()), ("two workers", ("--processes", "2"))):
            contestants[f"{shape}, {label}"] = lambda shape=shape, options=options: _deviation(url, shape, options)
    results = in_turn(rounds, contestants)
    rows = tuple((name, spread([100 * value for value in values], "%", 2)) for name, values in results.items())
    note = (
        "Largest difference, in any second, between the requests that arrived at the target and the starts due, as a "
        f"share of the peak; median (range) of {rounds} rounds."
    )
    return Table("Delivered curve against the plan", ("shape", "largest deviation"), rows, note)


def _deviation(url: str, shape: str, options: tuple[str, ...]) -> float:
    """Largest |arrived − due| in any second ÷ largest due. The target's own instants count, not what we say we sent;
    the first arrival is laid on the first start, because the target does not know the run's origin."""
    arrivals(url)
    recording = locust("arrivals_shape.py", url, *options, variables={"BENCH_SHAPE": shape})
    assert recording is not None
    due = list(due_times(Polyline(recording.header.level)))
    instants = arrivals(url)
    origin_s = instants[0] - due[0]
    planned = Counter(int(t) for t in due)
    arrived = Counter(int(instant - origin_s) for instant in instants)
    return max(abs(arrived[t] - planned[t]) for t in planned | arrived) / max(planned.values())
