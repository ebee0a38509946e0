"""The mathematics of a load profile: phases, a level that is a polyline over time, and herds. No Locust here."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

ARRIVALS, USERS = PACINGS = ("arrivals", "users")
"""What a level is for parked users: starts per second, whatever the answers (open model), or active users (closed)."""
PACING_HELP = "what a level is for parked users: arrivals (starts per second, open model) or users (closed model)"
STARTS_PER_S = "starts/s"
"""Unit of the level in the open model, as recordings have it."""


@dataclass(frozen=True)
class Phase:
    """``start_s`` ≤ t < ``end_s``, whole seconds: measuring is in slices of one second, and none may straddle."""

    name: str
    start_s: int
    end_s: int


@dataclass(frozen=True)
class Herd:
    """``users`` who start together at ``t`` seconds."""

    name: str
    t: float
    users: int
    classes: tuple[str, ...] = ()
    """The classes of users that they are of; none: of any, by their shares of those who wait for a herd."""


@dataclass(frozen=True)
class Polyline:
    """A level over time through ``points`` (t, level), linear between them; two points with one t are a step.

    Before the first point and from the last one on the level is 0.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        times = [t for t, _ in self.points]
        if times != sorted(times) or any(level < 0 or not math.isfinite(level) for _, level in self.points):
            raise ValueError("points must be in order of time, with finite levels of 0 or more")

    @cached_property
    def _times(self) -> list[float]:
        return [t for t, _ in self.points]

    @cached_property
    def _areas(self) -> list[float]:
        """Area under the line from the first point to each point."""
        areas = [0.0]
        for (t0, y0), (t1, y1) in zip(self.points, self.points[1:], strict=False):
            areas.append(areas[-1] + (t1 - t0) * (y0 + y1) / 2)
        return areas

    @property
    def peak(self) -> float:
        return max((level for _, level in self.points), default=0.0)

    @property
    def total(self) -> float:
        """Area under the whole line: with a level in starts per second, the number of starts."""
        return self._areas[-1]

    def times(self, factor: float) -> Polyline:
        return Polyline(tuple((t, level * factor) for t, level in self.points))

    def at(self, t: float) -> float:
        """Level at ``t``; at a step the level after it."""
        index = bisect_right(self._times, t) - 1
        if index < 0 or index >= len(self.points) - 1:
            return 0.0
        (t0, y0), (t1, y1) = self.points[index], self.points[index + 1]
        return y0 + (y1 - y0) * (t - t0) / (t1 - t0)

    def around(self, t: float) -> tuple[float, float]:
        """Level just before ``t``, and at it."""
        index = bisect_left(self._times, t)
        if not 0 < index < len(self.points):
            return 0.0, self.at(t)
        (t0, y0), (t1, y1) = self.points[index - 1], self.points[index]
        return y0 + (y1 - y0) * (t - t0) / (t1 - t0), self.at(t)

    def highest(self, start_s: float, end_s: float) -> float:
        """The highest level in ``start_s`` ≤ t ≤ ``end_s``, at a step both sides of it."""
        inside = self.points[bisect_left(self._times, start_s) : bisect_right(self._times, end_s)]
        return max((self.at(start_s), self.at(end_s), *(level for _, level in inside)))

    def area_to(self, t: float) -> float:
        """Area from the first point to ``t``."""
        index = bisect_right(self._times, t) - 1
        if index < 0:
            return 0.0
        if index >= len(self.points) - 1:
            return self.total
        t0, y0 = self.points[index]
        return self._areas[index] + (t - t0) * (y0 + self.at(t)) / 2


@dataclass(frozen=True)
class ClassLoad:
    """What one class of users does, where each has a level of its own."""

    user_class: str
    users: Polyline
    starts: Polyline
    pool_users: int
    background_users: int
    """These as in a :class:`Profile`; the rest of the pool are its users of each herd."""

    def level(self, parked: bool, pacing: str) -> Polyline:
        """As that of a profile."""
        return self.starts if parked and pacing == ARRIVALS else self.users


@dataclass(frozen=True)
class Profile:
    """A whole run: what is asked for, phase by phase."""

    phases: tuple[Phase, ...]
    users: Polyline
    """Closed model: users over time. What ``tick()`` follows when the users are Locust's own."""
    starts: Polyline
    """Open model: starts per second over time. What the arrivals pacer follows when the users are parked; 0
    throughout when ``pacing`` is ``users``."""
    herds: tuple[Herd, ...] = field(default=())
    pool_users: int = 1
    """Users to spawn and park before the first phase."""
    background_users: int = 0
    """Users of the pool that serve ``starts``, or are the active ones; the rest wait for the herds."""
    pacing: str = ARRIVALS
    """What paces parked users: ``arrivals`` follow ``starts``, ``users`` keeps as many active as ``users`` says."""
    by_class: tuple[ClassLoad, ...] = ()
    """What each class of users does, which together is this profile; empty: all do the same, by their weights."""

    @property
    def duration_s(self) -> int:
        return self.phases[-1].end_s

    @property
    def total_starts(self) -> int:
        """Starts that are planned, arrivals and herds; 0 when only the number of users is."""
        levels = [each.starts for each in self.by_class] or [self.starts]
        arrivals = sum(starts_due(level.total, *place) for level, place in zip(levels, places(levels), strict=True))
        return arrivals + sum(herd.users for herd in self.herds)

    def level(self, parked: bool) -> Polyline:
        """What is followed over time: by pacers when the users are parked, else by Locust's spawning."""
        return self.starts if parked and self.pacing == ARRIVALS else self.users

    def level_unit(self, parked: bool) -> str:
        return STARTS_PER_S if parked and self.pacing == ARRIVALS else "users"

    def phase_at(self, t: float) -> Phase | None:
        return next((phase for phase in self.phases if phase.start_s <= t < phase.end_s), None)


def places(levels: Sequence[object]) -> list[tuple[int, int]]:
    """(number, how many) of each of several levels whose starts are to fall between each other's."""
    return [(number, len(levels)) for number in range(len(levels))]


def starts_due(area: float, number: int = 0, of: int = 1) -> int:
    """How many starts are due by when the area under a level is ``area``, where start i is due at i + (number + ½) ÷
    ``of``: it is level ``number`` of several, lest the starts of all of them fall together.
    """
    return max(0, math.ceil(area - (number + 0.5) / of))


def added(lines: Sequence[Polyline]) -> Polyline:
    """The sum of several levels. One that begins or ends in the course of the others is a step there."""
    times = sorted({t for line in lines for t, _ in line.points})
    points: list[tuple[float, float]] = []
    for t in times:
        before, after = (sum(each) for each in zip(*(line.around(t) for line in lines), strict=True))
        points += [(t, before)] if before == after else [(t, before), (t, after)]
    if points and points[0][1] == 0 and len(points) > 1 and points[0][0] == points[1][0]:
        del points[0]  # nothing is before the first point
    if points and points[-1][1] == 0 and len(points) > 1 and points[-1][0] == points[-2][0]:
        del points[-1]
    return Polyline(tuple(points))


def chain(*stretches: tuple[str, int]) -> tuple[Phase, ...]:
    """Phases one after another from (name, duration in whole seconds); stretches of 0 s are left out."""
    phases: list[Phase] = []
    start_s = 0
    for name, duration_s in stretches:
        if duration_s:
            phases.append(Phase(name, start_s, start_s + duration_s))
        start_s += duration_s
    return tuple(phases)


def sampled(level: Callable[[float], float], times: Iterable[float]) -> tuple[tuple[float, float], ...]:
    """Points of a smooth curve. Between two of them, h seconds apart, a polyline is off by at most h²/8 · max |λ″|."""
    return tuple((t, level(t)) for t in times)
