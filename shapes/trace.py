"""Trace: replays what was seen elsewhere, a level over time from a file or from Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plugins import parameter
from shapes._phased import LONGEST_S, MOST, Conflict
from shapes._points import Series, Wanted
from shapes._profile import ARRIVALS
from shapes._series import read
from shapes._surge import Points, Surge


class Trace(Surge):
    """The replay is the spike phase; baseline and recovery continue with its first and its last level.

    Each row is a time, counted from wherever, and a level; between rows the level goes straight, and two rows with one
    time are a step. A first line without numbers is a heading; empty lines and ``#`` lines are skipped. What can be
    read: :mod:`shapes._series`.
    """

    abstract = True
    undeclared = ("base", "peak", "spike", "learned")

    trace_file: str = parameter(
        "", "time and level: a CSV file, an export of Locust, Grafana or Prometheus, or the address of a query_range"
    )
    trace_time_column: str = parameter("", "column of the time, by name or number; empty: found by its name")
    trace_level_column: str = parameter("", "column of the level, by name or number; empty: found, if only one fits")
    trace_scale: float = parameter(1.0, "factor for the levels, e.g. 0.1 for a tenth of the load")
    trace_speed: float = parameter(1.0, "factor for the speed, e.g. 60 replays an hour in a minute")

    _read: tuple[tuple[str, Wanted], Series] | None = None

    @property
    def size_option(self) -> str:
        return "trace_scale"

    def curve(self) -> Points:
        points = self._series().points
        start = points[0][0]
        return tuple(((t - start) / self.trace_speed, level * self.trace_scale) for t, level in points)

    def rest(self) -> tuple[float, float]:
        curve = self.curve()
        return curve[0][1], curve[-1][1]

    def problems(self) -> list[str]:
        self._read = None  # the file may be another one by now
        return super().problems()

    def conflicts(self) -> Iterator[Conflict]:
        series = self._series()
        points, problems = series.points, series.problems
        for problem in problems:
            yield ("trace_file",), True, problem
        yield ("trace_scale",), not self.trace_scale > 0, "--trace-scale 0: nothing would be started"
        yield ("trace_speed",), not self.trace_speed > 0, "--trace-speed 0: the trace would never end"
        if problems or not self.trace_speed > 0:
            return
        length_s = (points[-1][0] - points[0][0]) / self.trace_speed
        long = f"{series.name} takes {length_s:,.0f} s: at most {LONGEST_S:,} s are possible, raise --trace-speed"
        yield ("trace_speed",), length_s > LONGEST_S, long
        short = f"{series.name} takes less than a second: lower --trace-speed"
        yield ("trace_speed",), length_s < 1, short
        highest = max(level for _, level in points) * self.trace_scale
        high = f"{series.name} goes up to {highest:,.0f}: at most {MOST:,} are possible, lower --trace-scale"
        yield ("trace_scale",), highest > MOST, high
        if highest <= MOST:
            yield from self.pool_conflicts(highest, "trace_scale")

    def notes(self) -> list[str]:
        series = self._series()
        return [f"{series.name}: {note}" for note in series.notes]

    def _series(self) -> Series:
        """What the file has, read once until the next check."""
        users = not (self.parked and self.pacing == ARRIVALS)
        asked = self.trace_file, Wanted(self.trace_time_column, self.trace_level_column, users)
        if self._read is None or self._read[0] != asked:
            missing = Series("", problems=["--trace-file is missing: name a file of time,level"])
            self._read = asked, read(*asked) if self.trace_file else missing
        return self._read[1]
