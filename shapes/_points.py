"""A level over time as it is read, row by row: what was found in a source, and all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from shapes._times import Times, number

MOST_SHOWN, LONGEST_TITLE = 8, 60
"""Columns, or series, that are named, and letters of each name."""

_NOTHING = ("", "null", "none", "n/a")
"""How a missing value is written. NaN is none: it is a value that somebody has worked out wrongly."""
_WITH_UNIT = re.compile(r"\s*[-+]?\d[\d.,]*\s*[^\d.,\s]")
"""As programs write numbers for people."""


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


class Reader:
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
            with_unit = "; it has a unit: export it without (Grafana: Formatted data off)"
            return "the level is not a number" + (with_unit if _WITH_UNIT.match(level) else "")
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
