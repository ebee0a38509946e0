"""The table below a chart: the same figures, to read, to copy, and for those who cannot see the drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports import _quantity
from reports._charts import windows
from reports._charts.chart import Chart, Line, Values

MOST_ROWS = 240
SHORT_ROWS = 30
"""A table up to this length is printed on paper too."""


@dataclass(frozen=True)
class Table:
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def is_short(self) -> bool:
        return len(self.rows) <= SHORT_ROWS


def table(chart: Chart) -> Table | None:
    """One row a window; in a long run one row for several, so that there are never more than 240."""
    length = len(chart.times_s)
    if not length or not chart.lines:
        return None
    factor = math.ceil(length / MOST_ROWS)
    columns = [_condensed(line, factor) for line in chart.lines]
    starts = chart.times_s[::factor]
    rows = tuple(
        (_quantity.number(float(start), 6), *(_cell(float(column[index])) for column in columns))
        for index, start in enumerate(starts)
    )
    heads = ("from s", *(f"{line.label}, {chart.unit}" for line in chart.lines))
    return Table(_caption(chart, factor), heads, rows)


def _caption(chart: Chart, factor: int) -> str:
    span = _quantity.number(chart.window_s * factor)
    how = {line.summary for line in chart.lines}
    if factor == 1:
        return f"{chart.title}, each row {span} s"
    kind = "highest value" if how == {"max"} else "mean" if how == {"mean"} else "mean or highest value"
    return f"{chart.title}, each row {span} s ({kind}); every second is in the recording"


def _condensed(line: Line, factor: int) -> Values:
    return windows.highest(line.values, factor) if line.summary == "max" else windows.mean(line.values, factor)


def _cell(value: float) -> str:
    return _quantity.number(value) if math.isfinite(value) else _quantity.NOTHING
