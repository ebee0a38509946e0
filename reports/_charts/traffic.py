"""Charts of the requests: planned and intended load, latency, errors by cause."""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.answers import answers
from harness.findings import LATENCY_QUANTILE, Verdict
from harness.recording import Recording
from reports import _quantity
from reports._charts import palette
from reports._charts.chart import Chart, Line, Points, nothing
from reports._charts.windows import MOST_WINDOWS, Windows, mean

NO_REQUESTS = "No request was recorded."
LOGARITHMIC_FROM = 30.0
"""A latency axis is logarithmic when the highest value is this many times the lowest."""


def load(recording: Recording, windows: Windows) -> Chart:
    """Starts per second against the plan, where that is a number of starts."""
    header = recording.header
    title, unit = "Load: starts planned and made", "starts/s"
    if not windows.requests:
        return nothing("load", title, unit, NO_REQUESTS)
    gates = tuple((gate.t, float(gate.users)) for gate in header.gates if gate.users)
    points = (Points("planned herd (users released at once)", gates, palette.INK),) if gates else ()
    made = Line("made", windows.started_per_s, palette.BLUE, area=True)
    unserved = Line("due, but no user was free", windows.unserved_per_s, palette.VERMILLION, area=True)
    lines = [made, *([unserved] if windows.unserved_per_s.any() else [])]
    explanation = "Iterations by the second in which they should have begun."
    if header.level_unit == unit and len(header.level) > 1:
        lines.append(Line("planned", windows.planned_level, palette.INK, "dashed", step=True))
    elif not points and header.level:
        explanation += f" The plan is in {header.level_unit}, so it has no line here."
    return Chart("load", title, unit, explanation, windows.times_s, tuple(lines), points, windows.window_s)


def by_name(windows: Windows) -> Chart:
    """Requests per second by name: an iteration may make several."""
    title, unit = "Requests by name", "requests/s"
    if not windows.requests:
        return nothing("by-name", title, unit, NO_REQUESTS)
    lines = tuple(
        Line(name, values, palette.nth(index)[0], area=True)
        for index, (name, values) in enumerate(windows.intended_per_s.items())
    )
    explanation = "All requests by the second in which they should have begun, stacked; an iteration may make several."
    return Chart("by-name", title, unit, explanation, windows.times_s, lines, window_s=windows.window_s)


def throughput(recording: Recording) -> Chart:
    """Answers by the second in which they came: how fast the target worked the spike off."""
    title, unit = "Throughput: answered and failed", "requests/s"
    came = answers(recording)
    if not len(came.t):
        why = "No request was answered." if recording.slices else NO_REQUESTS
        return nothing("throughput", title, unit, why)
    size = max(1, math.ceil(len(came.t) / MOST_WINDOWS))
    lines = (
        Line("ok", mean(came.ok, size), palette.BLUE, area=True),
        Line("failed", mean(came.failed, size), palette.VERMILLION, area=True),
    )
    explanation = "Answers by the second in which they came, stacked: how fast the target worked the load off."
    times_s = came.t[::size].astype(np.float64)
    return Chart("throughput", title, unit, explanation, times_s, lines, window_s=float(size))


def latency(windows: Windows, verdict: Verdict) -> Chart:
    title, unit = "Latency from the intended start", "ms"
    values = np.concatenate([*windows.latency_ms.values(), np.empty(0)])
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        why = "No request was answered ok, so there is no latency." if windows.requests else NO_REQUESTS
        return nothing("latency", title, unit, why)
    limit = _latency_limit(verdict)
    top = max(float(values.max()), limit[1] if limit else 0.0)
    styles = ((palette.BLUE, 1.6, 1.0), (palette.VERMILLION, 1.8, 1.0), (palette.PURPLE, 4.0, 0.45))
    lines = tuple(  # p99 is a broad band behind the others: with few requests it is the same as p95
        Line(label, each, colour, width_px=width_px, alpha=alpha, summary="max")
        for (label, each), (colour, width_px, alpha) in zip(windows.latency_ms.items(), styles, strict=True)
    )
    return Chart(
        "latency",
        title,
        unit,
        "Percentiles of the requests answered ok, in each second. Failed requests are not in them.",
        windows.times_s,
        lines,
        window_s=windows.window_s,
        limit=limit,
        logarithmic=top > LOGARITHMIC_FROM * float(values.min()),
        axis="latency",
        tick=lambda ms: _quantity.quantity(ms, "ms"),
    )


def _latency_limit(verdict: Verdict) -> tuple[str, float] | None:
    for finding in verdict.findings:
        if finding.kind == LATENCY_QUANTILE and finding.limit and finding.unit in {"s", "ms"}:
            limit_ms = finding.limit * (1e3 if finding.unit == "s" else 1.0)
            return f"limit {_quantity.quantity(limit_ms, 'ms')} ({finding.title})", limit_ms
    return None


def errors(windows: Windows) -> Chart:
    title, unit = "Errors by cause", "failed/s"
    if not windows.requests:
        return nothing("errors", title, unit, NO_REQUESTS)
    if not windows.causes_per_s:
        return nothing("errors", title, unit, f"None: all {_quantity.count(windows.requests)} requests were ok.")
    order = (palette.VERMILLION, palette.PURPLE, palette.OCHRE, palette.BLUE, palette.GREEN, palette.GREY)
    lines = tuple(
        Line(cause, values, order[index % len(order)], area=True)
        for index, (cause, values) in enumerate(windows.causes_per_s.items())
    )
    explanation = "Failed, unfinished and unserved requests, stacked, by the second of their intended start."
    return Chart("errors", title, unit, explanation, windows.times_s, lines, window_s=windows.window_s)
