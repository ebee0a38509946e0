"""A level over time in what Prometheus answers to ``query_range``."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

from harness.safe_text import one_line
from shapes._points import LONGEST_TITLE, MOST_SHOWN, Reader, Series, Wanted
from shapes._times import number

_COUNTER = re.compile(r".*(_total|_bucket|_(seconds|milliseconds|bytes)_(count|sum))")
"""Ends of the names of counters, and of a few gauges. What ``rate()`` makes of a counter has no name."""
FALLS_OF_COUNTER = 0.2
"""A counter falls only where what counts begins anew, so in fewer than this of its changes."""


def from_json(text: str, wanted: Wanted, series: Series) -> None:
    try:
        told: Any = json.loads(text)
        matrix = told["data"]["result"] if told["data"]["resultType"] == "matrix" else None
    except (ValueError, RecursionError):
        series.problems.append(f"{series.name}: cannot be read: not JSON to its end")
        return
    except (KeyError, TypeError):
        series.problems.append(f"{series.name}: no answer of Prometheus to query_range, {_why_not(told)}")
        return
    if not isinstance(matrix, list):
        series.problems.append(
            f"{series.name}: it is the answer to a query of one instant; ask query_range, with start, end and step"
        )
        return
    chosen = int(wanted.level_column) if wanted.level_column.isdecimal() else 0
    if not matrix:
        series.problems.append(
            f"{series.name}: no series in the answer; check the name in the query, and that something was recorded "
            "between start and end"
        )
        return
    if len(matrix) > 1 and not 1 <= chosen <= len(matrix):
        series.problems.append(
            f"{series.name}: {len(matrix)} series in the answer; ask for one, as sum(…) makes it, or choose it by its "
            f"number with {wanted.option}-level-column{_numbered(matrix)}"
        )
        return
    reader = Reader(series, wanted.most_points)
    one = matrix[chosen - 1 if chosen else 0]
    if _COUNTER.fullmatch(_metric(one).get("__name__", "")) and not _often_falls(one):
        series.problems.append(f"{series.name}: it is a counter, which only rises; ask for its rate(…[1m])")
        return
    for place, pair in enumerate(one.get("values") or [] if isinstance(one, dict) else [], 1):
        if isinstance(pair, list) and len(pair) == 2:
            reader.take(f"{series.name}, value {place}", str(pair[0]), "" if pair[1] is None else str(pair[1]))
        else:
            series.problems.append(f"{series.name}, value {place}: no pair of a time and a level")
        if reader.is_full:
            return
    series.notes += reader.told(f"the answer of Prometheus{f', {label}' if (label := _label(one)) else ''}")
    if len(matrix) > 1:
        series.notes.append(f"left out {len(matrix) - 1} other series of the answer")


def _why_not(told: object) -> str:
    failed = isinstance(told, dict) and told.get("status") == "error"
    return "but its error; try the query there first" if failed else "nor CSV; save one of these"


def _metric(one: object) -> dict[str, str]:
    """Labels of a series, by name."""
    metric = one.get("metric") if isinstance(one, dict) else None
    return {str(name): str(value) for name, value in metric.items()} if isinstance(metric, dict) else {}


def _often_falls(one: object) -> bool:
    """Whether the values of a series fall as often as only those of a gauge do."""
    pairs = one.get("values") if isinstance(one, dict) else None
    told = [number(str(pair[1])) for pair in pairs or [] if isinstance(pair, list) and len(pair) == 2]
    steps = [after - before for before, after in pairwise(value for value in told if value is not None)]
    falls, changes = sum(step < 0 for step in steps), sum(step != 0 for step in steps)
    return falls > 0 and falls >= FALLS_OF_COUNTER * changes


def _label(one: object) -> str:
    """As Prometheus writes it; empty for a series without labels."""
    labels = _metric(one)
    name = labels.pop("__name__", "")
    inside = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return one_line(f"{name}{{{inside}}}" if inside else name)[:LONGEST_TITLE]


def _numbered(matrix: list[Any]) -> str:
    """The first of them with their numbers, where they have names."""
    named = [f"{place}: {label}" for place, one in enumerate(matrix[:MOST_SHOWN], 1) if (label := _label(one))]
    return f" ({', '.join(named)})" if named else ""
