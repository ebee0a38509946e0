"""Trace: replays what was seen elsewhere, a CSV file of time,level."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from harness.plugins import parameter
from shapes._phased import LONGEST_S, MOST, MOST_POINTS, Conflict
from shapes._surge import Points, Surge

MOST_PROBLEMS = 10
"""Problems of a file that are said; of the rest the number."""


class Trace(Surge):
    """The replay is the spike phase; baseline and recovery continue with its first and its last level.

    Each row is a time in seconds, counted from wherever, and a level; between rows the level goes straight, and two
    rows with one time are a step. A first line without numbers is a heading; empty lines and ``#`` lines are skipped.
    """

    abstract = True
    undeclared = ("base", "peak")

    trace_file: str = parameter(
        "", "CSV file with time,level in each line: seconds, starts per second (closed model: users)"
    )
    trace_scale: float = parameter(1.0, "factor for the levels, e.g. 0.1 for a tenth of the load")
    trace_speed: float = parameter(1.0, "factor for the speed, e.g. 60 replays an hour in a minute")

    _read: tuple[str, Points, list[str]] | None = None

    def curve(self) -> Points:
        points, _ = self._file()
        start = points[0][0]
        return tuple(((t - start) / self.trace_speed, level * self.trace_scale) for t, level in points)

    def rest(self) -> tuple[float, float]:
        curve = self.curve()
        return curve[0][1], curve[-1][1]

    def problems(self) -> list[str]:
        self._read = None  # the file may be another one by now
        return super().problems()

    def conflicts(self) -> Iterator[Conflict]:
        points, problems = self._file()
        for problem in problems:
            yield ("trace_file",), True, problem
        yield ("trace_scale",), not self.trace_scale > 0, "--trace-scale 0: nothing would be started"
        yield ("trace_speed",), not self.trace_speed > 0, "--trace-speed 0: the trace would never end"
        if problems or not self.trace_speed > 0:
            return
        length_s = (points[-1][0] - points[0][0]) / self.trace_speed
        long = f"{self.trace_file} takes {length_s:,.0f} s: at most {LONGEST_S:,} s are possible, raise --trace-speed"
        yield ("trace_speed",), length_s > LONGEST_S, long
        short = f"{self.trace_file} takes less than a second: lower --trace-speed"
        yield ("trace_speed",), length_s < 1, short
        highest = max(level for _, level in points) * self.trace_scale
        high = f"{self.trace_file} goes up to {highest:,.0f}: at most {MOST:,} are possible, lower --trace-scale"
        yield ("trace_scale",), highest > MOST, high
        if highest <= MOST:
            yield from self.pool_conflicts(highest, "trace_scale")

    def _file(self) -> tuple[Points, list[str]]:
        """Rows and problems of the file, read once until the next check."""
        if self._read is None or self._read[0] != self.trace_file:
            points, problems = _rows(self.trace_file)
            if len(problems) > MOST_PROBLEMS:
                problems[MOST_PROBLEMS:] = [f"{self.trace_file}: {len(problems) - MOST_PROBLEMS} more problems"]
            self._read = self.trace_file, points, problems
        return self._read[1], self._read[2]


def _rows(name: str) -> tuple[Points, list[str]]:
    """All rows of the file and all its problems. Its text is never repeated: it may be the wrong file."""
    if not name:
        return (), ["--trace-file is missing: name a CSV file of time,level"]
    path = Path(name)
    points: list[tuple[float, float]] = []
    problems: list[str] = []
    try:
        if not path.is_file():  # a device, or a pipe that nobody writes to, has no end
            return (), [f"--trace-file {name}: {'not a file' if path.exists() else 'no such file'}"]
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            for row in rows:
                if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
                    continue
                if len(points) + len(problems) >= MOST_POINTS:
                    return (), [f"{name}, line {rows.line_num}: more than {MOST_POINTS:,} rows; thin the trace out"]
                values = [_number(cell) for cell in row]
                if not points and not problems and len(row) == 2 and values == [None, None]:
                    if any(cell.strip().lower() not in _HEADINGS for cell in row):
                        problems.append(f"{name}, line {rows.line_num}: neither two numbers nor the heading time,level")
                    continue
                problem = _problem(values, points)
                if problem:
                    problems.append(f"{name}, line {rows.line_num}: {problem}")
                else:
                    points.append((values[0] or 0.0, values[1] or 0.0))
    except (OSError, UnicodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "not a CSV file"
        return (), [f"--trace-file {name}: cannot be read: {reason}"]
    if not problems and len(points) < 2:
        problems.append(f"{name}: {len(points)} rows of time,level; a trace needs two or more")
    elif not problems and points[0][0] == points[-1][0]:
        problems.append(f"{name}: all rows are of one time")
    return tuple(points), problems


_HEADINGS = {"t", "t_s", "time", "time_s", "seconds", "timestamp", "level", "users", "rate", "starts", "starts/s"}


def _problem(values: list[float | None], before: list[tuple[float, float]]) -> str:
    """What is wrong with a row; empty when nothing is."""
    if len(values) != 2:
        return f"{len(values)} fields instead of time,level"
    time, level = values
    if time is None or level is None:
        return f"the {'time' if time is None else 'level'} is not a number"
    if level < 0:
        return "the level is below 0"
    if before and time < before[-1][0]:
        return f"the time goes back, from {before[-1][0]:.15g}"
    return ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
