"""Quality of the service over time: Q = requests answered correctly within the SLO ÷ requests intended, per
window.

Windows are tumbling and keyed by the intended start. A trailing window of length L would make a p-quantile
late by p·L: with L = 60 s, a p95 tells of an improvement 57 s after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis import generator, histogram, phases
from harness.analysis.lazy import LazyModule
from harness.recording import Recording, Slice
from harness.recording_header import Phase
from harness.recording_values import INTERRUPTED, OK, UNFINISHED, UNSERVED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = LazyModule("numpy")

MINIMUM_REQUESTS = 3
"""A window with fewer requests is no evidence: even when all of them are slow, that can be chance."""
SLO_QUANTILE = 0.95
SLO_MINIMUM = 100
"""Baseline requests of one name that are needed for an SLO of its own."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of ``window_s`` seconds; every array has one entry a window."""

    window_s: int
    start_s: NDArray[np.int64]
    intended: NDArray[np.int64]
    good: NDArray[np.int64]
    """Answered ok and within the SLO."""
    median_s: NDArray[np.float64]
    """Median latency in seconds, failed requests slower than any answer; NaN without requests."""

    @property
    def bad(self) -> NDArray[np.int64]:
        return self.intended - self.good

    @property
    def evident(self) -> NDArray[np.bool_]:
        """Windows with enough requests to say anything."""
        return self.intended >= MINIMUM_REQUESTS

    @property
    def quality(self) -> NDArray[np.float64]:
        """Q, from 0 to 1; NaN where there were no requests."""
        with np.errstate(invalid="ignore"):
            return np.where(self.intended > 0, self.good / np.maximum(self.intended, 1), np.nan)

    def part(self, chosen: slice) -> Windows:
        """Some of the windows."""
        return Windows(
            self.window_s,
            self.start_s[chosen],
            self.intended[chosen],
            self.good[chosen],
            self.median_s[chosen],
        )


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
    overall_s = _slo_s(phases.of_phase(recording, baseline), floor_s)
    if overall_s is None:
        return None
    by_name_s = {}
    for name in phases.names(recording):
        tally = phases.of_phase(recording, baseline, name)
        slo_s = _slo_s(tally, floor_s) if tally.intended >= SLO_MINIMUM else None
        if slo_s is not None:
            by_name_s[name] = slo_s
    return ServiceLevel(overall_s, by_name_s)


def windows(recording: Recording, start_s: int, end_s: int, window_s: int, slo: ServiceLevel) -> Windows:
    """The whole windows between two instants, both in seconds.

    A request that was unfinished at the end of the run, or had no user yet, and had not yet had the time of its SLO
    proves neither good nor bad, so it is left out; so is an iteration that was cut off by us.
    """
    count = max(0, (end_s - start_s) // window_s)
    grouped: list[list[Slice]] = [[] for _ in range(count)]
    ended_s = generator.last_trace_s(recording)
    waiting = (UNFINISHED,) if generator.is_complete(recording) else (UNFINISHED, UNSERVED)
    for piece in recording.slices:
        position = (piece.t - start_s) // window_s
        young = piece.outcome in waiting and piece.t + 1 + slo.of(piece.name) > ended_s
        if 0 <= position < count and not young and piece.outcome != INTERRUPTED:
            grouped[position].append(piece)
    intended = [sum(piece.count for piece in group) for group in grouped]
    good = [sum(_good(piece, slo.of(piece.name)) for piece in group) for group in grouped]
    return Windows(
        window_s,
        start_s + window_s * np.arange(count, dtype=np.int64),
        np.array(intended, dtype=np.int64),
        np.array(good, dtype=np.int64),
        np.array([_median_s(group) for group in grouped], dtype=np.float64),
    )


def _slo_s(tally: phases.Tally, floor_s: float) -> float | None:
    value_us = histogram.quantile_us(tally.latency, SLO_QUANTILE, tally.failed)
    return None if value_us is None or math.isinf(value_us) else value_us / 1e6 + floor_s


def _good(piece: Slice, slo_s: float) -> int:
    return histogram.count_at_most(piece.latency, slo_s * 1e6) if piece.outcome == OK else 0


def _median_s(group: Iterable[Slice]) -> float:
    tally = phases.tally(tuple(group))
    median_us = histogram.quantile_us(tally.latency, 0.5, tally.failed)
    return math.nan if median_us is None else median_us / 1e6
