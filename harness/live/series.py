"""The run over time while it goes: one point a second, by intended start, and one value a second of what is sampled.

Who draws it keeps what it has drawn: ``changed_since`` hands out only what is new or has changed, such as a second to
which late answers came. What is kept does not grow with the run's length: the last ``MOST_SECONDS`` seconds, and of
each the histogram as fine as it came only for ``EXACT_S``; what comes later is counted, but moves no quantile any more.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import floor, log2

from harness.analysis import generator
from harness.analysis.histogram import bucket_bounds_us, quantiles_us
from harness.analysis.phases import shedding
from harness.analysis.tallies import RunningTally
from harness.recording import ProbeSample, Slice, Unanswered
from harness.recording.header import Header
from harness.recording.values import OK, UNSERVED, Sparse

MOST_SECONDS = 7200
EXACT_S = 300
QUANTILES = (0.5, 0.95, 0.99)
MOST_FIGURES = 300
"""Sampled figures that are kept over time; a metrics page may have hundreds."""
LATE_S = 10
"""What several nodes tell of themselves comes not quite in order; nothing comes later than this."""
ALL_NODES = "all load processes"
"""Source of the generator's figures: of each second the worst of all nodes."""
HEAT_FLOOR_US = 64
HEAT_ROWS_PER_DOUBLING = 4
"""The heat map's rows are a quarter of a doubling high: 19 %."""


def heat_floor_s(row: int) -> float:
    """Lower edge of a row of the heat map, in seconds; that of row 0 is 0."""
    return 0.0 if row <= 0 else float(HEAT_FLOOR_US * 2 ** (row / HEAT_ROWS_PER_DOUBLING)) / 1e6


@cache  # at most as many as a histogram has buckets
def heat_row(bucket: int) -> int:
    """The row in which the highest value of a histogram's bucket lies."""
    highest_us = bucket_bounds_us(bucket)[1]
    return 0 if highest_us < HEAT_FLOOR_US else floor(HEAT_ROWS_PER_DOUBLING * log2(highest_us / HEAT_FLOOR_US))


@dataclass(frozen=True)
class Point:
    """The requests whose intended start lies in second ``t``, as far as they are known."""

    t: int
    made: int
    """Starts of iterations, also of those that have no answer yet."""
    ok: int
    failed: int
    """Neither ok nor shed."""
    shed: int
    """Turned away as declared, where a criterion of its own judges that; else it is among the failed."""
    waiting: int
    """Requests that have no answer yet, or no user."""
    causes: Mapping[str, int]
    """Those that were not ok, by outcome, also the shed."""
    p50_s: float | None
    """From the intended start to the end of the answer, of those answered ok; None without any."""
    p95_s: float | None
    p99_s: float | None
    heat: Mapping[int, int]
    """The same requests by row of the heat map, see :func:`heat_floor_s`."""

    @property
    def requests(self) -> int:
        """Those that were answered or given up."""
        return self.ok + self.failed + self.shed


class _Second:
    __slots__ = ("heat", "is_exact", "made", "ok", "quantiles_us", "stamp", "tally", "waiting", "waiting_starts")

    def __init__(self) -> None:
        self.tally = RunningTally()
        self.made = self.ok = self.waiting = self.waiting_starts = self.stamp = 0
        self.heat: dict[int, int] = {}
        self.quantiles_us: tuple[float | None, ...] | None = None
        """None: to be worked out anew."""
        self.is_exact = True
        """Whether the histogram is kept."""

    def work_out(self) -> tuple[float | None, ...]:
        """The quantiles, and the rows of the heat map."""
        if self.quantiles_us is None:
            self.quantiles_us = quantiles_us(self.tally.latency, QUANTILES)
            self.heat = {}
            self.add_heat(self.tally.latency)
        return self.quantiles_us

    def add_heat(self, latency: Sparse) -> None:
        for bucket, count in latency.items():
            row = heat_row(bucket)
            self.heat[row] = self.heat.get(row, 0) + count


class Figure:
    """One sampled figure of one source: a value for each second in which it was sampled, the newest where there were
    several.
    """

    __slots__ = ("_stamps", "key", "probe", "seconds", "source", "values")

    def __init__(self, probe: str, source: str, key: str) -> None:
        self.probe, self.source, self.key = probe, source, key
        self.seconds = array("l")
        """Ascending."""
        self.values = array("d")
        self._stamps = array("l")

    @property
    def latest(self) -> tuple[int, float]:
        """(second, value)"""
        return self.seconds[-1], self.values[-1]

    def add(self, t: int, value: float, stamp: int, highest: bool) -> None:
        """``highest``: of several in a second the highest counts, and not the newest."""
        at = bisect_right(self.seconds, t)
        if at and self.seconds[at - 1] == t:
            if not highest or value > self.values[at - 1]:
                self.values[at - 1], self._stamps[at - 1] = value, stamp
            return
        self.seconds.insert(at, t)
        self.values.insert(at, value)
        self._stamps.insert(at, stamp)
        if len(self.seconds) > MOST_SECONDS + EXACT_S:  # not each time: it moves all that stay
            for column in (self.seconds, self.values, self._stamps):
                del column[:EXACT_S]

    def changed_since(self, stamp: int) -> tuple[tuple[int, float], ...]:
        """(second, value) in order of time."""
        found, old = [], 0
        for at in range(len(self.seconds) - 1, -1, -1):
            if self._stamps[at] > stamp:
                old = 0
                found.append((self.seconds[at], self.values[at]))
            elif (old := old + 1) > LATE_S:
                break
        return tuple(reversed(found))


@dataclass(frozen=True)
class Changes:
    """What is new since a reader looked last."""

    stamp: int
    """To be handed in the next time."""
    points: tuple[Point, ...]
    """In order of time."""
    figures: tuple[tuple[Figure, tuple[tuple[int, float], ...]], ...]
    """Each with its new values, in order of time."""


class LiveSeries:
    """Fed by the live state. What lies before the first phase is not kept."""

    def __init__(self, header: Header) -> None:
        self.figures: dict[tuple[str, str, str], Figure] = {}
        """By probe, source and key."""
        self.newest_s = -1
        """The last second to which anything came."""
        self.waiting = 0
        """Requests that have no answer yet, or no user."""
        self._shed = shedding(header)
        self._seconds: OrderedDict[int, _Second] = OrderedDict()
        """By t; those that changed last at the end."""
        self._kept_from_s = self._exact_from_s = 0
        self._stamp = 1
        self._told: dict[tuple[str, int, str, str], tuple[int, int]] = {}
        """What each node told last of what has no answer: (node, t, name, outcome) → (count, starts)."""

    def add_slice(self, piece: Slice) -> None:
        if (second := self._touched(piece.t)) is None:
            return
        if piece.outcome != UNSERVED:
            second.made += piece.count if piece.starts is None else piece.starts
        if piece.outcome == OK:
            second.ok += piece.count
            if second.is_exact:
                second.quantiles_us = None
            else:
                second.add_heat(piece.latency)
                piece = replace(piece, latency={})
        second.tally.add(piece)

    def add_unanswered(self, line: Unanswered) -> None:
        for t, name, outcome, count, starts in line.requests:
            key = (line.node, t, name, outcome)
            old_count, old_starts = self._told.pop(key, (0, 0))
            if count:
                self._told[key] = (count, starts)
            self.waiting += count - old_count
            if (second := self._touched(t)) is not None:
                second.waiting += count - old_count
                second.waiting_starts += starts - old_starts if outcome != UNSERVED else 0

    def add_sample(self, sample: ProbeSample) -> None:
        t = floor(sample.t)
        if t < 0:
            return
        is_node = sample.probe == generator.PROBE
        source = ALL_NODES if is_node else sample.source
        for name, value in sample.values.items():
            key = (sample.probe, source, name)
            if key not in self.figures:
                if len(self.figures) >= MOST_FIGURES:
                    del self.figures[min(self.figures, key=lambda each: self.figures[each].latest[0])]
                self.figures[key] = Figure(*key)
            self.figures[key].add(t, value, self._stamp, highest=is_node)

    def point(self, t: int) -> Point:
        """The second ``t``, also one to which nothing came."""
        second = self._seconds.get(t, _NOTHING)
        tally, quantiles_s = second.tally, [None if us is None else us / 1e6 for us in second.work_out()]
        shed = sum(tally.causes.get(outcome, 0) for outcome in self._shed)
        return Point(
            t=t,
            made=second.made + second.waiting_starts,
            ok=second.ok,
            failed=tally.failed - shed,
            shed=shed,
            waiting=second.waiting,
            causes=dict(tally.causes),
            p50_s=quantiles_s[0],
            p95_s=quantiles_s[1],
            p99_s=quantiles_s[2],
            heat=dict(second.heat),
        )

    def changed_since(self, stamp: int = 0) -> Changes:
        """What came after the look that ``stamp`` is of; 0: all that is kept. Any number of readers may look."""
        now, seconds = self.seconds_since(stamp)
        looked_at = ((figure, figure.changed_since(stamp)) for figure in self.figures.values())
        figures = tuple((figure, values) for figure, values in looked_at if values)
        return Changes(now, tuple(self.point(t) for t in seconds), figures)

    def seconds_since(self, stamp: int = 0) -> tuple[int, list[int]]:
        """The same for who takes the points one by one: the stamp, and the seconds that have changed, in order."""
        changed = []
        for t in reversed(self._seconds):
            if self._seconds[t].stamp <= stamp:
                break
            changed.append(t)
        now, self._stamp = self._stamp, self._stamp + 1
        return now, sorted(changed)

    def second(self, t: int) -> tuple[RunningTally, int]:
        """The requests of second ``t`` that have ended, not to be changed, and how many have no answer, or no user."""
        second = self._seconds.get(t, _NOTHING)
        return second.tally, second.waiting

    def _touched(self, t: int) -> _Second | None:
        """That of ``t``, which is about to change; None when it is not kept."""
        if t < self._kept_from_s:
            return None
        if t not in self._seconds:
            self._seconds[t] = _Second()
        second = self._seconds[t]
        second.stamp = self._stamp
        self._seconds.move_to_end(t)
        if t > self.newest_s:
            self.newest_s = t
            self._forget()
        return second

    def _forget(self) -> None:
        """What is too old: first how fine it was, then all of it."""
        for t in range(self._exact_from_s, self.newest_s - EXACT_S):
            self._exact_from_s = t + 1
            if (second := self._seconds.get(t)) is not None:
                second.work_out()
                second.is_exact = False
                second.tally.latency = {}
        for t in range(self._kept_from_s, self.newest_s - MOST_SECONDS + 1):
            self._kept_from_s = t + 1
            self._seconds.pop(t, None)


_NOTHING = _Second()
