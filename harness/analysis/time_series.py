"""The run over time, one value a second: what the charts of a report are drawn from.

Requests are keyed by their **intended start**, so a stall shows where it began and not where its answers came
in.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from harness.analysis import generator, histogram, phases, tallies
from harness.analysis.lazy import FloatArray, IntArray, np
from harness.recording import Recording, Slice
from harness.recording.values import UNFINISHED, UNSERVED

NOTHING_S = 3_600
"""Seconds that are shown, at most, after the last thing that was recorded."""
QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, eq=False)
class Requests:
    """Requests per second; every array has the shape of ``Series.t``."""

    intended: IntArray
    starts: IntArray
    """Iterations that began: first requests of iterations, without those that found no user."""
    ok: IntArray
    errors: Mapping[str, IntArray]
    """Failed requests by outcome, the most frequent outcome first; also ``unfinished`` and ``unserved``."""
    unfinished: IntArray
    bytes: IntArray
    p50_s: FloatArray
    """Latency in seconds of the requests answered ok; NaN in a second without any."""
    p95_s: FloatArray
    p99_s: FloatArray


@dataclass(frozen=True, eq=False)
class ProbeSeries:
    """One figure of one source, at the instants at which it was sampled."""

    probe: str
    source: str
    key: str
    t: FloatArray
    value: FloatArray


@dataclass(frozen=True, eq=False)
class Series:
    """A whole run over time."""

    t: IntArray
    """Beginning of each second, after the origin; negative in the warm-up. Without gaps."""
    planned_level: FloatArray
    """Planned load in the middle of each second, in the unit of the header."""
    requests: Requests
    intended_by_name: Mapping[str, IntArray]
    """Requests of each name per second."""
    probes: tuple[ProbeSeries, ...]
    """Sorted by probe, source and key."""

    def probe(self, probe: str, key: str) -> tuple[ProbeSeries, ...]:
        """The sources of one figure of a probe."""
        return tuple(one for one in self.probes if (one.probe, one.key) == (probe, key))


def of(recording: Recording) -> Series:
    """The series of a recording, from its first to its last second or to the end of the last phase."""
    t = _seconds(recording)
    return Series(
        t=t,
        planned_level=np.array([level_at(recording.header.level, second + 0.5) for second in t]),
        requests=_requests(phases.only(recording, "").slices, t),
        intended_by_name=_intended_by_name(recording, t),
        probes=_probes(recording),
    )


def level_at(level: Sequence[tuple[float, float]], t: float) -> float:
    """The planned level at an instant: on the polyline, at a step the later value, and 0 outside of it."""
    if not level or not level[0][0] <= t <= level[-1][0]:
        return 0.0
    after = bisect_right(level, t, key=itemgetter(0))
    if after == len(level):
        return level[-1][1]
    (t0, y0), (t1, y1) = level[after - 1], level[after]
    return y0 + (y1 - y0) * (t - t0) / (t1 - t0)


def _seconds(recording: Recording) -> IntArray:
    known = [piece.t for piece in recording.slices]
    # Of a long plan that was hardly begun, an hour of nothing is enough.
    drawn_s = int(max(0.0, generator.last_trace_s(recording))) + NOTHING_S
    planned = (t for phase in recording.header.phases for t in (phase.start_s, phase.end_s - 1))
    known += [min(t, drawn_s) for t in planned]
    if not known:
        return np.zeros(0, dtype=np.int64)
    return np.arange(min(known), max(known) + 1, dtype=np.int64)


def _requests(slices: Sequence[Slice], t: IntArray) -> Requests:
    grouped: list[list[Slice]] = [[] for _ in t]
    for piece in slices:
        grouped[piece.t - int(t[0])].append(piece)
    intended, starts, ok, sent_bytes = (np.zeros(len(t), dtype=np.int64) for _ in range(4))
    latency_us = np.full((len(QUANTILES), len(t)), math.nan)
    errors: dict[str, IntArray] = {}
    for second, group in enumerate(grouped):  # of each only its figures: the histograms of all at once are large
        tally = tallies.tally(tuple(group))
        intended[second], ok[second], sent_bytes[second] = tally.intended, tally.ok, tally.bytes
        begun = (piece for piece in group if piece.outcome != UNSERVED)
        starts[second] = sum(piece.count if piece.starts is None else piece.starts for piece in begun)
        for cause, count in tally.causes.items():
            errors.setdefault(cause, np.zeros(len(t), dtype=np.int64))[second] = count
        if tally.latency:
            latency_us[:, second] = histogram.quantiles_us(tally.latency, QUANTILES)
    p50_s, p95_s, p99_s = latency_us / 1e6
    return Requests(
        intended=intended,
        starts=starts,
        ok=ok,
        errors=dict(sorted(errors.items(), key=lambda each: -int(each[1].sum()))),
        unfinished=errors.get(UNFINISHED, np.zeros(len(t), dtype=np.int64)),
        bytes=sent_bytes,
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
    )


def _intended_by_name(recording: Recording, t: IntArray) -> dict[str, IntArray]:
    intended = {name: np.zeros(len(t), dtype=np.int64) for name in phases.names(recording)}
    for piece in recording.slices:
        intended[piece.name][piece.t - int(t[0])] += piece.count
    return intended


def _probes(recording: Recording) -> tuple[ProbeSeries, ...]:
    collected: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for sample in recording.probes:
        for key, value in sample.values.items():
            collected.setdefault((sample.probe, sample.source, key), []).append((sample.t, value))
    made = []
    for (probe, source, key), pairs in sorted(collected.items()):
        columns = np.array(sorted(pairs), dtype=np.float64)
        made.append(ProbeSeries(probe, source, key, columns[:, 0], columns[:, 1]))
    return tuple(made)
