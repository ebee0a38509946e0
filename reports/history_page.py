"""The history as a page: what became of each run, and every figure over the runs with its interval and limit. It needs
no network and no script: the drawings are in the page.

It stands for no single run, so it is no format in the sense of this folder and has no ``FILE_NAME``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup, escape

from harness.findings import Finding, Outcome
from harness.history import regression
from harness.history.regression import Change, Series
from harness.history.stored_run import HistoryRun
from harness.safe_text import safe
from reports import _quantity, _rows
from reports._charts import ticks
from reports._page import templates

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
MOST_POINTS = 100
"""Runs in a drawing; older ones are in the export."""
MOST_ROWS = 200
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 960.0, 200.0, 74.0, 12.0, 26.0
MARKS = {Outcome.PASS: "●", Outcome.INCONCLUSIVE: "◆", Outcome.FAIL: "▲"}


@dataclass(frozen=True)
class Trend:
    """One figure of one scenario over its runs."""

    title: str
    drawing: Markup
    rows: tuple[tuple[HistoryRun, _rows.FindingRow], ...]
    changes: tuple[Change, ...]


def page(runs: Sequence[HistoryRun], runs_dir: Path, base: str = "", limit: int = MOST_ROWS) -> str:
    """``runs`` the oldest first; ``base`` leads from the page to the runs directory."""
    scenarios = dict.fromkeys(run.scenario for run in reversed(runs))
    text: str = templates.template("history.html.j2").render(
        runs=list(reversed(runs))[:limit],
        more=max(0, len(runs) - limit),
        runs_dir=str(runs_dir),
        scenarios=[(name, _trends([run for run in runs if run.scenario == name], base)) for name in scenarios],
        symbols={**{each.value: symbol for each, symbol in _rows.SYMBOLS.items()}},
        address=lambda run: _address(run, base),
        nothing=_quantity.NOTHING,
        marks={outcome.value: mark for outcome, mark in MARKS.items()},
        style=templates.style("page.css", "history.css"),
        policy=POLICY,
    )
    return text


def _address(run: HistoryRun, base: str) -> str:
    return f"{base}{quote(run.path)}/report.html"


def _trends(runs: Sequence[HistoryRun], base: str) -> list[Trend]:
    judged = [run for run in runs if run.outcome is not None][-MOST_POINTS:]
    plans: Mapping[str, int] = {run.path: _plan_number(judged, run) for run in judged}
    found = []
    for series in regression.all_series(judged):
        same = [run for run in series.runs if run.plan == judged[-1].plan]
        latest = Series(
            series.metric,
            tuple(same),
            tuple(each for run, each in zip(series.runs, series.findings, strict=True) if run in same),
        )
        changes = tuple(regression.changes(latest)) if same else ()
        drawing = _drawing(series, [change.run.path for change in changes], plans, base)
        rows = tuple((run, _rows.row(each)) for run, each in zip(series.runs, series.findings, strict=True))
        found.append(Trend(series.metric.title, drawing, rows[::-1], changes))
    return found


def _plan_number(runs: Sequence[HistoryRun], run: HistoryRun) -> int:
    return next(place for place, each in enumerate(runs) if each.plan == run.plan)


def _drawing(series: Series, changed: Sequence[str], plans: Mapping[str, int], base: str) -> Markup:
    """Intervals as bars, figures as marks by outcome, limits as a stepped line, changes and other plans as lines."""
    unit = series.metric.unit
    values = [value for each in series.findings for value in _values(each)]
    top = max([value for value in values if math.isfinite(value)], default=1.0)
    bottom = min([0.0, *(value for value in values if math.isfinite(value))])
    rungs = ticks.linear(top) if top > 0 else [0.0]
    high, low = max(rungs[-1], top), bottom * 1.05
    step = (WIDTH - LEFT - 16) / max(1, len(series.runs))

    def y(value: float) -> float:
        share = (min(max(value, low), high) - low) / ((high - low) or 1.0)
        return round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), 1)

    def x(place: int) -> float:
        return round(LEFT + (place + 0.5) * step, 1)

    parts = []
    for rung in rungs:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 8}" y1="{y(rung)}" y2="{y(rung)}"/>')
        label = escape(_quantity.quantity(rung, unit))
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y(rung) + 4}" text-anchor="end">{label}</text>')
    for place, (run, each) in enumerate(zip(series.runs, series.findings, strict=True)):
        at = x(place)
        if place and plans[run.path] != plans[series.runs[place - 1].path]:
            parts.append(_line("plan", at - step / 2, TOP, at - step / 2, HEIGHT - BOTTOM, "other plan or machine"))
        if run.path in changed:
            parts.append(_line("change", at - step / 2, TOP, at - step / 2, HEIGHT - BOTTOM, "change found"))
        if each.limit is not None and math.isfinite(each.limit):
            parts.append(_line("limit", at - step / 2, y(each.limit), at + step / 2, y(each.limit), ""))
        parts.append(_mark(run, each, at, y, base))
    first, last = series.runs[0].started_utc[:10], series.runs[-1].started_utc[:10]
    parts.append(f'<text class="tick" x="{LEFT}" y="{HEIGHT - 6}">{escape(safe(first))}</text>')
    parts.append(f'<text class="tick" x="{WIDTH - 8}" y="{HEIGHT - 6}" text-anchor="end">{escape(safe(last))}</text>')
    label = escape(f"{safe(series.metric.title)} over {len(series.runs)} runs. The figures are in the table below.")
    return Markup(
        f'<svg class="trend" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="group" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def _values(finding: Finding) -> list[float]:
    return [
        value
        for value in (finding.figure, finding.limit, *(finding.interval or ()))
        if value is not None and not math.isnan(value)
    ]


def _line(kind: str, x1: float, y1: float, x2: float, y2: float, title: str) -> str:
    told = f"<title>{title}</title>" if title else ""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1}" x2="{x2:.1f}" y2="{y2}">{told}</line>'


def _mark(run: HistoryRun, each: Finding, at: float, y: object, base: str) -> str:
    assert callable(y)
    row = _rows.row(each)
    low, high = each.interval or (math.nan, math.nan)
    bar = ""
    if not math.isnan(low) and high > low:
        bar = f'<line class="span" x1="{at}" x2="{at}" y1="{y(low)}" y2="{y(high)}"/>'
    value = (
        each.figure if each.figure is not None and math.isfinite(each.figure) else (low if low > -math.inf else high)
    )
    told = (
        f"{run.name}, {run.version or 'version not known'}: {each.outcome.value}, {row.figure}, interval {row.interval}"
    )
    symbol = f'<text class="mark" x="{at}" y="{y(value) + 4}" text-anchor="middle">{MARKS[each.outcome]}</text>'
    address = escape(_address(run, base))
    return f'<a href="{address}" class="{each.outcome.value}"><title>{escape(safe(told))}</title>{bar}{symbol}</a>'
