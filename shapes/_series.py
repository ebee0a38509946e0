"""A level over time, read from what other programs write: CSV with any delimiter and columns, Locust's
``stats_history.csv``, exports of Grafana, and the answer of Prometheus to ``query_range``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from itertools import pairwise
from statistics import median

from shapes._columns import ALL_NAMES, Columns, columns_of, told_apart
from shapes._points import Reader, Series, Wanted
from shapes._query_range import from_json
from shapes._source import SourceError, shown, text_of

MOST_PROBLEMS = 10
"""Problems of a file that are said; of the rest the number."""
GAP = 5.0
"""A step of time so many times longer than the middle one is a gap."""
BRIDGED = "bridged"
"""How the note on gaps begins: a shape goes straight over them."""


def read(name: str, wanted: Wanted) -> Series:
    """All points of the source and all its problems."""
    series = Series(shown(name))
    try:
        text = text_of(name)
    except SourceError as error:
        series.problems.append(f"{series.name}: {error}")
        return series
    if re.match(r"\s*# (HELP|TYPE) ", text):
        series.problems.append(
            f"{series.name}: the metrics of a program as they are now; ask the Prometheus that collects them, at its "
            "query_range"
        )
    elif text.lstrip()[:1] in ("{", "["):
        from_json(text, wanted, series)
    else:
        _from_csv(text, wanted, series)
    if len(series.problems) > MOST_PROBLEMS:
        series.problems[MOST_PROBLEMS:] = [f"{series.name}: {len(series.problems) - MOST_PROBLEMS} more problems"]
    if not series.problems and len(series.points) < 2:
        series.problems.append(f"{series.name}: {len(series.points)} rows of time,level; a trace needs two or more")
    elif not series.problems and series.points[0][0] == series.points[-1][0]:
        series.problems.append(f"{series.name}: all rows are of one time")
    if not series.problems:
        series.notes += _gaps(series.points)
    return series


def _from_csv(text: str, wanted: Wanted, series: Series) -> None:
    lines = list(io.StringIO(text, newline=""))
    place = next((place for place, line in enumerate(lines) if line.strip() and line.lstrip()[0] != "#"), 0)
    first = lines[place] if lines else ""
    if said := re.fullmatch(r"\"?sep=(.)\"?\s*", first):  # Grafana, for Excel
        delimiter, lines[place] = said[1], "\n"
    else:
        outside = re.sub(r'"[^"]*"', "", first)
        delimiter = next((each for each in (";", "\t", "|") if each in outside), ",")
    reader = Reader(series, wanted.most_points, decimal_comma=delimiter != ",")
    columns: Columns | None = None
    others = 0
    taken: list[list[str]] = []
    try:
        rows = csv.reader(lines, delimiter=delimiter)
        for row in rows:
            if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
                continue
            where = f"{series.name}, line {rows.line_num}"
            if columns is None:
                columns = columns_of(row, wanted)
                if columns.problem:
                    series.problems.append(f"{where}: {columns.problem}")
                if columns.level < 0:
                    return
                if columns.has_heading:
                    continue
            if len(row) != columns.width:
                expected = "time,level" if columns.width == 2 else str(columns.width)
                series.problems.append(f"{where}: {len(row)} fields instead of {expected}")
            elif columns.name >= 0 and row[columns.name].strip().lower() != ALL_NAMES:
                others += 1
            else:
                reader.take(where, row[columns.time], row[columns.level])
                taken.append(row)
            if reader.is_full:
                return
    except csv.Error:
        series.points, series.problems = [], [f"{series.name}: cannot be read: not a CSV file"]
        return
    if columns is not None and (several := told_apart(taken, columns)):
        series.points, series.problems = [], [f"{series.name}: {several}"]
    elif columns is not None:
        series.notes += reader.told(columns.described)
        series.notes += columns.left_out(others)


def _gaps(points: list[tuple[float, float]]) -> Iterable[str]:
    """Between two rows the level goes straight, which may hide a time of which nothing is known."""
    steps = [after[0] - before[0] for before, after in pairwise(points)]
    usual_s = median([step for step in steps if step > 0])
    gaps = [step for step in steps if step > GAP * usual_s]
    if gaps:
        yield (
            f"{BRIDGED} {len(gaps)} gap{'s' if len(gaps) > 1 else ''} with a straight level, the longest of "
            f"{max(gaps):,.0f} s where a row comes each {usual_s:,.4g} s"
        )
