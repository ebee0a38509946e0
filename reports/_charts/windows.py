"""Requests put into windows along the time axis, by the second of their intended start."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from harness.analysis import histogram
from harness.recording import OK, Recording
from reports._charts.chart import Values

MOST_WINDOWS = 3600
MOST_SERIES = 6
"""Named series in one chart; the rest is shown together."""
QUANTILES = (0.5, 0.95, 0.99)


@dataclass
class _Window:
    names: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    ok: int = 0
    latency: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class Windows:
    """Rates per second and quantiles, one value a window."""

    times_s: Values
    window_s: float
    started_per_s: dict[str, Values]
    """By request name, most frequent first."""
    ok_per_s: Values
    failed_per_s: Values
    causes_per_s: dict[str, Values]
    """Failed requests by outcome, most frequent first."""
    latency_ms: dict[float, Values]
    """By quantile, of the requests answered ok; NaN in a window without any."""
    requests: int


def windows(recording: Recording) -> Windows:
    """One window a second; in runs of more than an hour as many seconds as keep it to 3,600 windows."""
    begins = [piece.t for piece in recording.slices]
    start, end = (min(begins), max(begins) + 1) if begins else (0, 0)
    size = max(1, math.ceil((end - start) / MOST_WINDOWS))
    made = [_Window() for _ in range(math.ceil((end - start) / size))]
    names: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    for piece in recording.slices:
        window = made[(piece.t - start) // size]
        names[piece.name] += piece.count
        window.names[piece.name] += piece.count
        if piece.outcome == OK:
            window.ok += piece.count
            window.latency.update(piece.latency)
        else:
            causes[piece.outcome] += piece.count
            window.causes[piece.outcome] += piece.count
    quantiles = [histogram.quantiles_us(window.latency, QUANTILES) for window in made]
    return Windows(
        times_s=np.array([start + size * index for index in range(len(made))], dtype=np.float64),
        window_s=float(size),
        started_per_s=_rates([window.names for window in made], names, size),
        ok_per_s=np.array([window.ok / size for window in made]),
        failed_per_s=np.array([sum(window.causes.values()) / size for window in made]),
        causes_per_s=_rates([window.causes for window in made], causes, size),
        latency_ms={
            q: np.array([_milliseconds(values[index]) for values in quantiles]) for index, q in enumerate(QUANTILES)
        },
        requests=sum(names.values()),
    )


def _milliseconds(value_us: float | None) -> float:
    return math.nan if value_us is None or not math.isfinite(value_us) else value_us / 1e3


def _rates(counts: list[Counter[str]], totals: Counter[str], size: int) -> dict[str, Values]:
    """Per second, for the most frequent keys; all others together under one more key."""
    order = [key for key, total in totals.most_common() if total > 0]
    shown = order if len(order) <= MOST_SERIES else order[: MOST_SERIES - 1]
    rates: dict[str, Values] = {key: np.array([each[key] / size for each in counts]) for key in shown}
    if len(shown) < len(order):
        rest = np.array([sum(each.values()) / size for each in counts]) - sum(rates.values())
        rates[f"{len(order) - len(shown)} others"] = np.maximum(rest, 0.0)
    return rates


def by_value(named: dict[str, Values]) -> dict[str, Values]:
    """The same series, at most a handful: those with the highest values, and the sum of the others."""
    if len(named) <= MOST_SERIES:
        return named
    tops: dict[str, float] = defaultdict(float)
    for key, values in named.items():
        finite = values[np.isfinite(values)]
        tops[key] = float(finite.max()) if len(finite) else 0.0
    shown = sorted(tops, key=lambda key: -tops[key])[: MOST_SERIES - 1]
    rest = [np.nan_to_num(values) for key, values in named.items() if key not in shown]
    return {**{key: named[key] for key in named if key in shown}, f"{len(rest)} others together": np.sum(rest, axis=0)}
