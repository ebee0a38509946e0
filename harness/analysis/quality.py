"""Quality of the service over time: Q = requests answered correctly within the SLO ÷ requests intended, per
window.

Windows are tumbling and keyed by the intended start. A trailing window of length L would make a p-quantile
late by p·L: with L = 60 s, a p95 tells of an improvement 57 s after it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from harness.analysis import generator, histogram, phases, tallies
from harness.analysis.lazy import BoolArray, FloatArray, IntArray, np
from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import BLOCKED, HIGHEST_BUCKET, INTERRUPTED, OK, UNFINISHED, UNSERVED

Placed = TypeVar("Placed")
"""A window, and what belongs to it."""
MINIMUM_REQUESTS = 3
"""A window with fewer requests is no evidence: even when all of them are slow, that can be chance."""
NOT_BY_CHANCE = 7.0
"""Where so many requests are to be expected, random ones leave one stretch of a thousand empty, e⁻⁷."""
AT_A_TIME = 8192
SLO_QUANTILE = 0.95
SLO_MINIMUM = 100
"""Baseline requests of one name that are needed for an SLO of its own."""
USUAL_FLOOR_RATIO = 0.25
"""How much slower than in the baseline the median may be, where that is more than the absolute floor."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of ``window_s`` seconds; every array has one entry a window."""

    window_s: int
    start_s: IntArray
    intended: IntArray
    good: IntArray
    """Answered ok and within the SLO."""
    slow: IntArray
    """Failed, or slower than what the median may be."""
    failed: IntArray
    """Answered with an error, or not at all; without those that were only unfinished when the run ended."""
    waiting: IntArray
    """Of ``intended``, those that were sent in an earlier window: see :func:`with_waiting`."""

    @property
    def bad(self) -> IntArray:
        return self.intended - self.good

    @property
    def evident(self) -> BoolArray:
        """Windows with enough requests to say anything."""
        return self.intended >= MINIMUM_REQUESTS

    @property
    def quality(self) -> FloatArray:
        """Q, from 0 to 1; NaN where there were no requests."""
        with np.errstate(invalid="ignore"):
            return np.where(self.intended > 0, self.good / np.maximum(self.intended, 1), np.nan)

    def part(self, chosen: slice) -> Windows:
        """Some of the windows."""
        columns = (self.start_s, self.intended, self.good, self.slow, self.failed, self.waiting)
        return Windows(self.window_s, *(column[chosen] for column in columns))


@dataclass(frozen=True)
class ServiceLevel:
    """Latency in seconds within which an answer is good: for all requests, and for some names their own."""

    overall_s: float
    by_name_s: Mapping[str, float]

    def of(self, name: str) -> float:
        return self.by_name_s.get(name, self.overall_s)


def service_level(recording: Recording, baseline: Phase, floor_s: float) -> ServiceLevel | None:
    """The SLO that the baseline itself sets: p95 of its latency, plus an absolute floor.

    The floor says how much slower is still no harm; without it a target that answers within 2 ms would be
    degraded at 3 ms. A name with at least 100 requests in the baseline has an SLO of its own, so that a quick
    request among slow ones is still judged. None when more than 5 % of the baseline failed: it is then no
    baseline.
    """
    return service_levels(recording, baseline, floor_s)[0]


def service_levels(
    recording: Recording, baseline: Phase, floor_s: float
) -> tuple[ServiceLevel | None, ServiceLevel | None]:
    """The SLO, see :func:`service_level`, and what the median may be: the baseline's plus the floor, or plus a quarter
    of it where that is more.
    """
    pieces = phases.slices_of(recording, baseline)
    by_name: dict[str, list[Slice]] = defaultdict(list)
    for piece in pieces:
        by_name[piece.name].append(piece)
    overall = tallies.tally(pieces)
    named = {name: overall if len(by_name) == 1 else tallies.tally(tuple(group)) for name, group in by_name.items()}
    found = []
    for quantile, floor_ratio in ((SLO_QUANTILE, 0.0), (0.5, USUAL_FLOOR_RATIO)):
        overall_s = limit_s(overall, quantile, floor_s, floor_ratio)
        enough = {name: tally for name, tally in named.items() if tally.intended >= SLO_MINIMUM}
        limits = {name: limit_s(tally, quantile, floor_s, floor_ratio) for name, tally in enough.items()}
        by_name_s = {name: value_s for name, value_s in limits.items() if value_s is not None}
        found.append(None if overall_s is None else ServiceLevel(overall_s, by_name_s))
    return found[0], found[1]


def windows(
    recording: Recording, start_s: int, end_s: int, window_s: int, slo: ServiceLevel, usual: ServiceLevel | None = None
) -> Windows:
    """The whole windows between two instants, both in seconds. ``usual`` is what the median may be; without it slow is
    what misses the SLO.

    A request that was unfinished at the end of the run, or had no user yet, and had not yet had the time of its SLO
    proves neither good nor bad, so it is left out; so is an iteration that was cut off by us.
    """
    count = max(0, (end_s - start_s) // window_s)
    placed = [
        (position, piece) for piece in recording.slices if 0 <= (position := (piece.t - start_s) // window_s) < count
    ]
    limits = {name: (slo.of(name), (usual or slo).of(name)) for name in {piece.name for _, piece in placed}}
    held = held_against(recording, placed, count, [limits[piece.name] for _, piece in placed])
    starts = start_s + window_s * np.arange(count, dtype=np.int64)
    none = np.zeros(count, dtype=np.int64)
    return Windows(window_s, starts, held.intended, held.good, held.intended - held.soon, held.failed, none)


@dataclass(frozen=True, eq=False)
class Held:
    """Requests held against limits of their latency; every array has one entry a place."""

    intended: IntArray
    good: IntArray
    soon: IntArray
    """Answered ok and within the second limit."""
    failed: IntArray


def held_against(
    recording: Recording, placed: Sequence[tuple[int, Slice]], count: int, limits_s: Sequence[tuple[float, float]]
) -> Held:
    """Slices with their place, one of ``count``, each against two limits; what is left out: see :func:`windows`."""
    intended, failed = ([0] * count for _ in range(2))
    answered: list[tuple[int, Slice, tuple[float, float]]] = []
    ended_s = generator.last_trace_s(recording)
    waiting = (UNFINISHED,) if generator.is_complete(recording) else (UNFINISHED, UNSERVED)
    for (place, piece), limits in zip(placed, limits_s, strict=True):
        if piece.outcome == OK:
            intended[place] += piece.count
            answered.append((place, piece, limits))
        elif piece.outcome in (INTERRUPTED, BLOCKED) or (
            piece.outcome in waiting and piece.t + 1 + limits[0] > ended_s
        ):
            continue
        else:
            intended[place] += piece.count
            failed[place] += 0 if piece.outcome == UNFINISHED else piece.count
    bounds = {limits: [*map(histogram.last_bucket_within, limits)] for limits in {limits for *_, limits in answered}}
    well, soon = np.zeros(count), np.zeros(count)  # as floats, which are exact up to 2**53
    for part in _parts(answered):
        which, index, of_bucket = histogram.columns([piece.latency for _, piece, _ in part])
        places = np.array([place for place, *_ in part], dtype=np.int64)[which]
        within = np.array([bounds[limits] for *_, limits in part], dtype=np.int64)[which]
        well += np.bincount(places, of_bucket * (index <= within[:, 0]), count)
        soon += np.bincount(places, of_bucket * (index <= within[:, 1]), count)
    columns = (np.array(column).astype(np.int64) for column in (intended, well, soon, failed))
    return Held(*columns)


def with_waiting(recording: Recording, seen: Windows, slo: ServiceLevel, most: int) -> Windows:
    """With the requests that were under way in windows in which none was sent, as bad ones of these windows, up to
    ``most``.

    Users who wait for an answer ask nothing: while the target hangs, those of a closed model leave windows empty in
    which they would have met it. Counted is who waited for the whole window, and had waited for longer than the SLO
    before it began. Not in stretches that may be empty by chance, where ``most`` come in a window on average.
    """
    begin_s, step, count = int(seen.start_s[0]) if len(seen.start_s) else 0, seen.window_s, len(seen.start_s)
    sent_in = {(piece.t - begin_s) // step for piece in recording.slices if piece.count}
    # Not by those that count: of the last windows what has no answer yet is left out.
    empty = np.array([position not in sent_in for position in range(count)], dtype=np.bool_)
    for stretch in np.split(np.arange(count), np.flatnonzero(np.diff(empty)) + 1):
        empty[stretch] &= len(stretch) * most >= NOT_BY_CHANCE
    if not empty.any():
        return seen
    changes = np.zeros(count + 1, dtype=np.int64)
    ended_s = generator.last_trace_s(recording)
    for piece in recording.slices:
        first = math.ceil((piece.t + 1 + slo.of(piece.name) - begin_s) / step)
        if first >= count or piece.outcome in (INTERRUPTED, BLOCKED, UNSERVED):
            continue
        longer_s = (
            {ended_s - piece.t: piece.count}
            if piece.outcome == UNFINISHED
            else {histogram.bucket_bounds_us(index)[0] / 1e6: requests for index, requests in piece.latency.items()}
        )
        for lasted_s, requests in longer_s.items():
            last = math.floor((piece.t + lasted_s - begin_s) / step)
            if last > max(first, 0):
                changes[max(first, 0)] += requests
                changes[min(last, count)] -= requests
    waiting = np.where(empty, np.minimum(np.cumsum(changes[:-1]), most), 0)
    return replace(seen, intended=seen.intended + waiting, slow=seen.slow + waiting, waiting=waiting)


def mean_log_latency(recording: Recording, phase: Phase, window_s: int) -> FloatArray:
    """Mean logarithm (of microseconds) of the latency of what was answered ok, of each window of a phase that has any:
    how slow its seconds are, with less noise than their medians have.
    """
    count = phase.duration_s // window_s
    answered = [
        (position, piece.latency)
        for piece in phases.slices_of(recording, phase)
        if piece.outcome == OK and (position := (piece.t - phase.start_s) // window_s) < count
    ]
    total, answers = np.zeros(count), np.zeros(count)
    for part in _parts(answered):
        which, index, of_bucket = histogram.columns([latency for _, latency in part])
        window = np.array([position for position, _ in part], dtype=np.int64)[which]
        total += np.bincount(window, of_bucket * _log_of_buckets()[index], count)
        answers += np.bincount(window, of_bucket, count)
    some = answers > 0
    return np.asarray(total[some] / answers[some], dtype=np.float64)


@cache
def _log_of_buckets() -> FloatArray:
    """Of the highest value of each, in microseconds, and one."""
    highest = [histogram.bucket_bounds_us(index)[1] for index in range(HIGHEST_BUCKET + 1)]
    return np.log(1.0 + np.array(highest, dtype=np.float64))


def _parts(answered: Sequence[Placed]) -> Iterator[Sequence[Placed]]:
    """So many histograms at a time as are worked on quickly: all of a long recording would take its size in memory."""
    for begin in range(0, len(answered), AT_A_TIME):
        yield answered[begin : begin + AT_A_TIME]


def limit_s(tally: tallies.Tally, quantile: float, floor_s: float, floor_ratio: float = 0.0) -> float | None:
    """The quantile with what is no harm beside it; None where too many failed for one."""
    value_us = histogram.quantile_us(tally.latency, quantile, tally.failed)
    if value_us is None or math.isinf(value_us):
        return None
    return value_us / 1e6 + max(floor_s, floor_ratio * value_us / 1e6)
