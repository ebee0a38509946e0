"""A level over time, read from what other programs write: CSV with any delimiter and columns, Locust's
``stats_history.csv``, exports of Grafana, and the answer of Prometheus to ``query_range``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from harness.safe_text import one_line
from shapes._source import SourceError, shown, text_of
from shapes._times import Times, iso, number

MOST_PROBLEMS = 10
"""Problems of a file that are said; of the rest the number."""
GAP = 5.0
"""A step of time so many times longer than the middle one is a gap."""
BRIDGED = "bridged"
"""How the note on gaps begins: a shape goes straight over them."""
MOST_SHOWN, LONGEST_TITLE = 8, 60
"""Columns that are named, and letters of each name."""

_TIMES = ("t", "t_s", "time", "time_s", "seconds", "timestamp", "date", "datetime", "@timestamp", "epoch", "ts")
_LEVELS = ("level", "users", "rate", "starts", "starts/s", "value", "requests/s", "rps", "req/s", "count", "requests")
_NOTHING = ("", "null", "none", "n/a")
"""How a missing value is written. NaN is none: it is a value that somebody has worked out wrongly."""
_HISTORY = ("timestamp", "user count", "name", "requests/s")
"""Columns by which Locust's history is known. It has a row for each request name, and one for all."""
ALL_NAMES = "aggregated"


@dataclass
class Series:
    """What was found in one source. Its text is never repeated in a problem: it may be the wrong file."""

    name: str
    points: list[tuple[float, float]] = field(default_factory=list)
    """(seconds, level) in the order of the source."""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was read, and what was left out."""


@dataclass(frozen=True)
class Wanted:
    """What is to be read. A column is a name in the heading or a number from 1 on; empty: found by itself."""

    time_column: str = ""
    level_column: str = ""
    users: bool = False
    """Whether the level is a number of users: of Locust's history the user count, not the requests."""
    most_points: int = 20_000
    option: str = "--trace"
    """How the options for the columns begin that a message names."""


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
        _from_json(text, wanted, series)
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


class _Reader:
    """Takes one (time, level) after another into the series."""

    def __init__(self, series: Series, most_points: int, decimal_comma: bool = False) -> None:
        self.series, self.most, self.decimal_comma = series, most_points, decimal_comma
        self.times = Times()
        self.without: list[str] = []
        self.is_full = False

    def take(self, place: str, time: str, level: str) -> None:
        series = self.series
        if len(series.points) + len(series.problems) >= self.most:
            series.points, series.problems = [], [f"{place}: more than {self.most:,} rows; thin the trace out"]
            self.is_full = True
            return
        if level.strip().lower() in _NOTHING and number(level) is None and time.strip():
            self.without.append(place)
            return
        if problem := self._take(time, level):
            series.problems.append(f"{place}: {problem}")

    def _take(self, time: str, level: str) -> str:
        t_s, problem = self.times.read(time)
        if self.decimal_comma and re.fullmatch(r"\s*-?\d+,\d+\s*", level):
            level = level.replace(",", ".")
        value = number(level)
        before = self.series.points
        if problem:
            return problem
        if value is None:
            return "the level is not a number"
        if value < 0:
            return "the level is below 0"
        if before and t_s < before[-1][0]:
            return self.times.back(before[-1][0], t_s)
        before.append((t_s, value))
        return ""

    def told(self, what: str) -> Iterator[str]:
        if not self.series.points:
            return
        yield f"read {len(self.series.points):,} rows: {what}, {self.times.kind}"
        if self.without:
            first = self.without[0].rpartition(", ")[2]
            yield f"left out {len(self.without):,} rows without a level, the first of them {first}"


def _from_csv(text: str, wanted: Wanted, series: Series) -> None:
    lines = list(io.StringIO(text, newline=""))
    place = next((place for place, line in enumerate(lines) if line.strip() and line.lstrip()[0] != "#"), 0)
    first = lines[place] if lines else ""
    if said := re.fullmatch(r"\"?sep=(.)\"?\s*", first):  # Grafana, for Excel
        delimiter, lines[place] = said[1], "\n"
    else:
        outside = re.sub(r'"[^"]*"', "", first)
        delimiter = next((each for each in (";", "\t", "|") if each in outside), ",")
    reader = _Reader(series, wanted.most_points, decimal_comma=delimiter != ",")
    columns: _Columns | None = None
    others = 0
    try:
        rows = csv.reader(lines, delimiter=delimiter)
        for row in rows:
            if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
                continue
            where = f"{series.name}, line {rows.line_num}"
            if columns is None:
                columns = _columns(row, wanted)
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
            if reader.is_full:
                return
    except csv.Error:
        series.points, series.problems = [], [f"{series.name}: cannot be read: not a CSV file"]
        return
    if columns is not None:
        series.notes += reader.told(columns.described)
        series.notes += columns.left_out(others)


@dataclass(frozen=True)
class _Columns:
    """Which of them are read, by the first row."""

    titles: tuple[str, ...]
    has_heading: bool
    time: int
    level: int
    """Below 0: none can be read."""
    problem: str
    name: int = -1
    """Of Locust's history, the column of the request names; else below 0."""

    @property
    def width(self) -> int:
        return max(2, len(self.titles))

    @property
    def described(self) -> str:
        of_locust = " of Locust's history" if self.name >= 0 else ""
        return f"{self._title(self.time)} as the time, {self._title(self.level)} as the level{of_locust}"

    def left_out(self, rows: int) -> Iterator[str]:
        unread = [self._title(place) for place in range(len(self.titles)) if place not in (self.time, self.level)]
        if unread:
            more = f" and {len(unread) - MOST_SHOWN} more" if len(unread) > MOST_SHOWN else ""
            yield f"left out the column{'s' if len(unread) > 1 else ''} {', '.join(unread[:MOST_SHOWN])}{more}"
        if rows:
            yield f"left out {rows:,} rows of single request names"

    def _title(self, place: int) -> str:
        return one_line(self.titles[place])[:LONGEST_TITLE] if self.has_heading else f"number {place + 1}"


def _columns(row: list[str], wanted: Wanted) -> _Columns:
    titles = tuple(cell.strip() for cell in row)
    names = [title.lower() for title in titles]
    chosen = bool(wanted.time_column or wanted.level_column)
    has_heading = len(row) > 1 and all(number(cell) is None and iso(cell) is None for cell in row)
    is_history = has_heading and all(name in names for name in _HISTORY)
    problem = ""

    def asked(what: str, column: str, otherwise: int) -> int:
        nonlocal problem
        if not column:
            return otherwise
        if has_heading and column.strip().lower() in names:
            return names.index(column.strip().lower())
        if column.isdecimal() and 1 <= int(column) <= len(row):
            return int(column) - 1
        problem = f"there is no column {column} for {wanted.option}-{what}-column; it has {len(row)} columns"
        return -1

    named = [place for place, name in enumerate(names) if has_heading and name in _TIMES]
    time = asked("time", wanted.time_column, named[0] if named else 0)
    others = [place for place in range(len(row)) if place != time]
    fitting = [place for place in others if has_heading and names[place] in _LEVELS]
    alone = next((found[0] for found in (others, fitting) if len(found) == 1), -1)
    if is_history:
        alone = names.index("user count" if wanted.users else "requests/s")
    level = asked("level", wanted.level_column, 1 if len(row) == 1 else alone)
    if has_heading and len(row) == 2 and not named and not chosen:
        problem = "neither two numbers nor the heading time,level"
    elif level < 0 and not problem:
        there = f" ({', '.join(one_line(titles[place]) for place in others[:MOST_SHOWN])})" if named else ""
        problem = (
            f"{len(row)} columns, and none of them alone is the level: choose one by its name or number with "
            f"{wanted.option}-level-column{there}"
        )
    name = names.index("name") if is_history else -1
    return _Columns(titles, has_heading, time, -1 if time < 0 else level, problem, name)


def _from_json(text: str, wanted: Wanted, series: Series) -> None:
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
            f"number with {wanted.option}-level-column"
        )
        return
    reader = _Reader(series, wanted.most_points)
    one = matrix[chosen - 1 if chosen else 0]
    for place, pair in enumerate(one.get("values") or [] if isinstance(one, dict) else [], 1):
        if isinstance(pair, list) and len(pair) == 2:
            reader.take(f"{series.name}, value {place}", str(pair[0]), "" if pair[1] is None else str(pair[1]))
        else:
            series.problems.append(f"{series.name}, value {place}: no pair of a time and a level")
        if reader.is_full:
            return
    series.notes += reader.told("the answer of Prometheus")
    if len(matrix) > 1:
        series.notes.append(f"left out {len(matrix) - 1} other series of the answer")


def _why_not(told: object) -> str:
    failed = isinstance(told, dict) and told.get("status") == "error"
    return "but its error; try the query there first" if failed else "nor CSV; save one of these"


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
