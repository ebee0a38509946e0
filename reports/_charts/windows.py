"""The series of a run as charts need them: rates in windows, and no more named series than a legend can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.time_series import Series
from harness.recording.values import UNSERVED
from reports._charts.chart import Values

MOST_WINDOWS = 3600
MOST_SERIES = 6
"""Named series in one chart; the rest is shown together."""


@dataclass(frozen=True)
class Windows:
    """Rates per second and quantiles, one value a window."""

    times_s: Values
    window_s: float
    planned_level: Values
    """In the unit of the header."""
    started_per_s: Values
    """Iterations that began."""
    unserved_per_s: Values
    """Those that were due and found no free user."""
    intended_per_s: Mapping[str, Values]
    """Requests by name, most frequent first."""
    causes_per_s: Mapping[str, Values]
    """Failed requests by outcome, most frequent first."""
    latency_ms: Mapping[str, Values]
    """p50, p95 and p99 of the requests answered ok, NaN without any; the highest second of a longer window."""
    requests: int


def windows(series: Series) -> Windows:
    """One window a second; in runs of more than an hour as many seconds as keep it to 3,600 windows."""
    size = max(1, math.ceil(len(series.t) / MOST_WINDOWS))
    seen = series.requests
    quantiles = {"p50": seen.p50_s, "p95": seen.p95_s, "p99": seen.p99_s}
    return Windows(
        times_s=series.t[::size].astype(np.float64),
        window_s=float(size),
        planned_level=mean(series.planned_level, size),
        started_per_s=mean(seen.starts, size),
        unserved_per_s=mean(seen.errors.get(UNSERVED, np.zeros(len(series.t))), size),
        intended_per_s=most_frequent({name: mean(counts, size) for name, counts in series.intended_by_name.items()}),
        causes_per_s=most_frequent({cause: mean(counts, size) for cause, counts in seen.errors.items()}),
        latency_ms={name: highest(values_s * 1e3, size) for name, values_s in quantiles.items()},
        requests=int(seen.intended.sum()),
    )


def mean(values: NDArray[Any], size: int) -> Values:
    """Mean of each ``size`` values, of those that are there; NaN where none is."""
    blocks = _blocks(values, size)
    there = np.isfinite(blocks)
    counts = there.sum(axis=1)
    sums: Values = np.where(there, blocks, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def highest(values: NDArray[Any], size: int) -> Values:
    """Highest of each ``size`` values; NaN where none is there."""
    blocks = _blocks(values, size)
    tops: Values = np.where(np.isfinite(blocks), blocks, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(np.isfinite(tops), tops, np.nan)


def _blocks(values: NDArray[Any], size: int) -> Values:
    padded = np.full(math.ceil(len(values) / size) * size, np.nan)
    padded[: len(values)] = values
    return padded.reshape(-1, size)


def most_frequent(named: Mapping[str, Values]) -> dict[str, Values]:
    """At most a handful of series, those with the largest totals; the others added up in one more."""
    order = sorted(named, key=lambda key: -float(np.nansum(named[key])))
    return _handful(named, [key for key in order if np.nansum(named[key]) > 0], "others")


def highest_valued(named: Mapping[str, Values]) -> dict[str, Values]:
    """At most a handful of series, those with the highest values; the others added up in one more."""
    order = sorted(named, key=lambda key: -float(np.nanmax(named[key])))
    kept = order if len(order) <= MOST_SERIES else order[: MOST_SERIES - 1]
    return _handful(named, sorted(kept) + [key for key in order if key not in kept], "others together")


def _handful(named: Mapping[str, Values], order: list[str], rest: str) -> dict[str, Values]:
    if len(order) <= MOST_SERIES:
        return {key: named[key] for key in order}
    shown = {key: named[key] for key in order[: MOST_SERIES - 1]}
    others = order[MOST_SERIES - 1 :]
    return {**shown, f"{len(others)} {rest}": np.nansum([named[key] for key in others], axis=0)}
