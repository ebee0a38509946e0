"""What was learned from real traffic, as one page that needs no network: the level with its spikes, the largest of
them with the fitted curves drawn over the data, the daily and weekly pattern, and how big a spike to expect.

It stands for no run, so it is no format in the sense of this folder and has no ``FILE_NAME``.
"""

from __future__ import annotations

import math

import numpy as np
from markupsafe import Markup

from harness.learn.fitting import Fit
from harness.learn.learned import Learned
from harness.learn.level import DAY_S, Values
from harness.learn.spikes import Spike
from reports import _quantity
from reports._charts.picture import Picture, marks, rules
from reports._page import templates

MOST_COLUMNS = 900
DRAWN_SPIKES = 6
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def page(learned: Learned, name: str, files: tuple[str, ...]) -> str:
    """``files``: what lies beside it."""
    text: str = templates.template("learn.html.j2").render(
        name=name,
        files=files,
        style=templates.style("page.css"),
        rules=rules(),
        observed=learned.observed,
        middle=_quantity.number(learned.middle),
        span=f"{learned.utc(0):%Y-%m-%d %H:%M} to "
        f"{learned.utc(len(learned.observed.values) * learned.observed.window_s):%Y-%m-%d %H:%M} UTC",
        known_days=_quantity.number(learned.observed.known_days),
        notes=learned.source.notes,
        timeline=_timeline(learned),
        spikes=[
            (_spike_row(learned, spike, fit), _drawn(learned, spike, fit)) for spike, fit in learned.fits[:DRAWN_SPIKES]
        ],
        rows=[_spike_row(learned, spike, fit) for spike, fit in learned.fits],
        found=len(learned.found.spikes),
        threshold=_quantity.number(learned.found.threshold),
        hours=_bars(learned.pattern.hours, [f"{hour}" for hour in range(24)], "hour of the day, UTC", learned),
        weekdays=_bars(learned.pattern.weekdays, list(WEEKDAYS), "day of the week, UTC", learned),
        expected=learned.expected,
        expected_threshold=_quantity.number(learned.expected.threshold),
        expectation=_expectation(learned),
        horizons=[
            (each.days, *(_quantity.number(m) for m in (each.low_m, each.middle_m, each.high_m)))
            for each in learned.expected.horizons
        ],
        ahead=learned.ahead,
        ahead_error=None if learned.ahead is None else f"{learned.ahead.error_ratio:.1%}",
        ahead_drawn=_ahead(learned),
    )
    return text


def duration(seconds: float) -> str:
    """``40 s``, ``3.2 min``, ``2 h``."""
    for size, unit in ((DAY_S, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and unit != "days"):
            return f"{_quantity.number(seconds / size)} {unit}"
    return f"{_quantity.number(seconds)} s"


def _timeline(learned: Learned) -> Markup:
    observed = learned.observed
    count = len(observed.values)
    width = max(1, -(-count // MOST_COLUMNS))
    starts = np.arange(0, count, width)
    times_s: Values = np.asarray((starts + width / 2) * observed.window_s, dtype=np.float64)
    seen, usual = _highest(observed.values, width), _highest(learned.usual, width)
    end_s = float(count * observed.window_s)
    picture = Picture(
        "Level over time, its usual level, and the spikes",
        (0.0, end_s),
        _top(seen),
        f"{observed.unit}, highest of each column",
    )
    picture.line("seen", times_s, seen)
    picture.line("usual", times_s, usual)
    for spike in learned.found.spikes[-2000:]:
        picture.dot("marked", spike.peak_s + observed.window_s / 2, spike.peak)
    form = "%m-%d" if end_s > 3 * DAY_S else "%m-%d %H:%M"
    return picture.drawn(marks(0.0, end_s, lambda x: learned.utc(x).strftime(form)), "UTC")


def _drawn(learned: Learned, spike: Spike, fit: Fit) -> Markup:
    """A spike as it was seen, and the curve over it, in times of the usual level."""
    step = learned.observed.window_s
    margin = max(3, round(0.4 * spike.duration_s / step))
    low = max(0, round(spike.start_s / step) - margin)
    high = min(len(learned.usual), round(spike.end_s / step) + margin)
    times_s: Values = np.asarray((np.arange(low, high) + 0.5) * step - spike.start_s, dtype=np.float64)
    m = learned.observed.values[low:high] / learned.usual[low:high]
    fine_s = np.linspace(low * step - spike.start_s, high * step - spike.start_s, 400)
    curve = fit.at(fine_s)
    picture = Picture(
        f"Spike of {spike.m:.3g} times the usual level, and the fitted curve",
        (float(fine_s[0]), float(fine_s[-1])),
        max(_top(m), float(curve.max())),
        "times the usual level",
    )
    picture.line("seen", times_s, m)
    picture.line("fitted", fine_s, curve)
    return picture.drawn([(x, _since_start(x)) for x in _round_times(*picture.x)], "after its start")


def _round_times(low_s: float, high_s: float) -> list[float]:
    """At most nine, as a clock has them."""
    span_s = high_s - low_s
    step_s = next((each for each in STEPS_S if span_s / each <= 8), math.ceil(span_s / 8 / DAY_S) * DAY_S)
    return [float(step_s * number) for number in range(math.ceil(low_s / step_s), math.floor(high_s / step_s) + 1)]


def _since_start(seconds: float) -> str:
    return duration(seconds) if seconds >= 0 else f"−{duration(-seconds)}"


def _bars(values: Values, words: list[str], title: str, learned: Learned) -> Markup | None:
    if not np.isfinite(values).any():
        return None
    picture = Picture(
        f"Mean level by the {title}", (0.0, float(len(values))), _top(values), f"mean {learned.observed.unit}"
    )
    for place, value in enumerate(values):
        picture.bar("seen", place + 0.15, place + 0.85, float(value))
    return picture.drawn([(place + 0.5, word) for place, word in enumerate(words)], title)


def _expectation(learned: Learned) -> Markup | None:
    horizons = learned.expected.horizons
    if not horizons:
        return None
    largest = learned.found.largest
    top = max([each.high_m for each in horizons] + [largest.m if largest else 1.0])
    picture = Picture(
        "Predicted size of the largest spike by the days ahead",
        (0.0, float(len(horizons))),
        top,
        "times the usual level",
    )
    for place, each in enumerate(horizons):
        picture.bar("seen", place + 0.3, place + 0.7, each.high_m, each.low_m)
        picture.dot("fitted", place + 0.5, each.middle_m)
    if largest:
        picture.line("usual", (0.0, float(len(horizons))), (largest.m, largest.m))
    return picture.drawn([(place + 0.5, f"{each.days} d") for place, each in enumerate(horizons)], "days ahead")


def _ahead(learned: Learned) -> Markup | None:
    ahead = learned.ahead
    if ahead is None:
        return None
    picture = Picture(
        "Level of the day that follows", (0.0, float(len(ahead.values))), _top(ahead.values), learned.observed.unit
    )
    for place, value in enumerate(ahead.values):
        picture.bar("seen", place + 0.15, place + 0.85, float(value))
    step_h = ahead.step_s / 3600
    return picture.drawn(
        [(place + 0.5, f"{place * step_h:g}") for place in range(len(ahead.values))],
        "hour of the day that follows, UTC",
    )


def _spike_row(learned: Learned, spike: Spike, fit: Fit) -> tuple[str, ...]:
    at_least = "" if spike.is_whole else "at least "
    return (
        f"{learned.utc(spike.start_s):%Y-%m-%d %H:%M:%S}",
        _quantity.number(spike.m),
        duration(spike.time_to_peak_s),
        at_least + duration(spike.duration_s),
        f"{_quantity.number(60 * spike.steepness_per_s)} per min",
        fit.family,
        f"{max(0.0, fit.explained_ratio):.0%}",
    )


def _highest(values: Values, width: int) -> Values:
    """Of each ``width`` values, NaN where none is known."""
    padded = np.concatenate([values, np.full(-len(values) % width, np.nan)]).reshape(-1, width)
    return np.where(
        np.isfinite(padded).any(axis=1), np.nanmax(np.where(np.isnan(padded), -np.inf, padded), axis=1), np.nan
    )


def _top(values: Values) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else 1.0
