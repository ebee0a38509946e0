"""What is learned from: access logs, or a level over time; told apart by what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.errors import ConfigurationError
from harness.learn.learned import Source
from harness.learn.level import DAY_S, LEVEL, Observed, Values
from harness.learn.log_file import read_logs, start_of
from harness.learn.log_formats import KNOWN, best
from harness.learn.traffic import Traffic
from shapes._points import Wanted
from shapes._series import BRIDGED, read
from shapes._source import is_url

WINDOWS_S = tuple(
    window for window in (*range(1, 61), *range(120, 3601, 60), 7200, 10800, 14400, 21600, 28800, 43200, DAY_S)
    if DAY_S % window == 0
)  # fmt: skip
"""They divide a day, so that each is at the same time every day."""
OF_LOGS_S = (1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600)
EVENTS_A_WINDOW = 30
"""So many requests a window at least, or chance alone makes spikes."""
MOST_WINDOWS = 300_000
MOST_ROWS = 2_000_000
LEAST_WINDOWS = 10
LATEST_S, HIGHEST = 1e11, 1e12
GAP_S = 600
GAP_EVENTS = 50
"""A stretch without any request is a gap in the log, or an outage, where so many were to be expected in it."""


def read_source(names: Sequence[str], window_s: int | None, offset_s: int | None, wanted: Wanted) -> Source:
    """All of them together. Raises ConfigurationError with all problems."""
    if window_s is not None and window_s not in WINDOWS_S:
        near = min(WINDOWS_S, key=lambda each: abs(each - window_s))
        raise ConfigurationError(f"--window-s {window_s}: it has to divide a day; the nearest is {near}")
    source = _read(names, window_s, offset_s, wanted)
    if (known := int(np.isfinite(source.observed.values).sum())) < LEAST_WINDOWS:
        raise ConfigurationError(
            f"{', '.join(names)}: {known} windows of {source.observed.window_s} s, and {LEAST_WINDOWS} are needed: "
            "give more, or shorter windows with --window-s"
        )
    return source


def _read(names: Sequence[str], window_s: int | None, offset_s: int | None, wanted: Wanted) -> Source:
    are_logs = [not is_url(name) and _is_log(name) for name in names]
    if all(are_logs):
        traffic = read_logs(names, offset_s)
        observed, gaps = _observed(traffic, window_s)
        return Source(observed, traffic, (*traffic.notes, *gaps))
    if any(are_logs):
        log, other = names[are_logs.index(True)], names[are_logs.index(False)]
        raise ConfigurationError(f"{log} is an access log, and {other} is not: give one kind at a time")
    if len(names) > 1:
        raise ConfigurationError(f"{names[1]}: one series at a time (of access logs there may be several)")
    return _of_series(names[0], window_s, wanted)


def _is_log(name: str) -> bool:
    """Whether its first lines are of a known format; what cannot be read at all is said by whoever reads it."""
    try:
        lines = start_of(name)
    except (ConfigurationError, OSError, ValueError):
        return True
    if not any(lines):
        return True  # the reader of logs says that it is empty
    return Path(name).suffix.lower() not in (".csv", ".tsv") and best(lines)[1] > 0


def _observed(traffic: Traffic, window_s: int | None) -> tuple[Observed, list[str]]:
    first, end = traffic.span
    length_s = end - first
    if window_s is None:
        per_s = traffic.total / max(1, length_s)
        fitting = [each for each in OF_LOGS_S if per_s * each >= EVENTS_A_WINDOW and length_s / each <= MOST_WINDOWS]
        window_s = (fitting or [OF_LOGS_S[-1]])[0]
        while window_s > 1 and length_s < 10 * window_s:  # an hour of a quiet service
            window_s = max(each for each in OF_LOGS_S if each < window_s)
    start_s, counts = traffic.counts(window_s)
    values = counts / window_s
    gaps = _gaps(values, traffic.total / max(1, length_s), window_s)
    notes = []
    if gaps:
        for low, high in gaps:
            values[low:high] = np.nan
        longest_s = max(high - low for low, high in gaps) * window_s
        notes.append(
            f"{len(gaps)} gap{'s' if len(gaps) > 1 else ''} without any request, the longest of "
            f"{longest_s / 3600:,.1f} h: nothing is learned from them"
        )
    return Observed(start_s, window_s, values, "requests/s", float(traffic.total)), notes


def _gaps(values: Values, per_s: float, window_s: int) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (values == 0).astype(int), [0]])))
    least = max(GAP_S, GAP_EVENTS / max(per_s, 1e-9)) / window_s
    return [(int(low), int(high)) for low, high in zip(edges[::2], edges[1::2], strict=True) if high - low >= least]


def _of_series(name: str, window_s: int | None, wanted: Wanted) -> Source:
    series = read(name, replace(wanted, most_points=MOST_ROWS))
    if series.problems and not series.points and not is_url(name):
        why = series.problems[0].removeprefix(f"{series.name}, ").removeprefix(f"{series.name}: ")
        raise ConfigurationError(f"{name}: no level over time ({why}), and of no known format of a log: {KNOWN}")
    if series.problems:
        raise ConfigurationError(series.problems)
    times, levels = (np.array(column, dtype=np.float64) for column in zip(*series.points, strict=True))
    if np.abs(times).max() > LATEST_S or levels.max() > HIGHEST:
        raise ConfigurationError(
            f"{name}: its times or levels are too large to be any: times have to be seconds, milliseconds or finer "
            f"since 1970, and levels {HIGHEST:,.0f} at most"
        )
    steps = np.diff(times)
    usual_s = float(np.median(steps[steps > 0]))
    if window_s is None:
        window_s = next((each for each in WINDOWS_S if each >= usual_s * 0.999), DAY_S)
    first = int(times[0] // window_s)
    places = (times // window_s).astype(np.int64) - first
    count = int(places[-1]) + 1
    if count > 10 * MOST_WINDOWS:
        raise ConfigurationError(
            f"{name}: {count:,} windows of {window_s} s between its first and its last time: give --window-s, or look "
            "for a clock that was wrong"
        )
    numbers = np.bincount(places, minlength=count)
    sums = np.bincount(places, levels, count)
    values = np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)
    notes = [note for note in series.notes if not note.startswith(BRIDGED)]  # here nothing is taken for known there
    if missing := int(np.isnan(values).sum()):
        notes.append(f"{missing:,} of {count:,} windows of {window_s} s have no row: nothing is learned from them")
    return Source(Observed(first * window_s, window_s, values, LEVEL), None, tuple(notes))
