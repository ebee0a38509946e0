"""Step functions of time: how many replicas are needed, how many are ready, and how far the two are apart."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

from harness.analysis.time_series import level_at

MOST_REPLICAS = 5_000
"""A plan that needs more of them is a slip in the capacity, and would take its time."""
READING_S = 0.1
"""A sample has the instant at which it began; what it says may be so much younger."""
_ROUNDING = 1e-9
"""Relative: 3 × 0.1 starts/s are the work of three replicas of 0.1 starts/s, and not of four."""

Samples = Sequence[tuple[float, float]]
"""(t, value), in order of time."""


@dataclass(frozen=True)
class Steps:
    """``points`` (t, value): each value holds from its t to the next one, the last to ``end_s``. Neighbours differ."""

    points: tuple[tuple[float, float], ...]
    end_s: float

    @classmethod
    def of(cls, points: Samples, end_s: float) -> Steps:
        """From any points in order of time. Of several at one instant the last counts; what changes nothing is left
        out, and so is what lies at or after the end.
        """
        last_at = [point for point, later in pairwise((*points, (math.inf, 0.0))) if point[0] < min(later[0], end_s)]
        kept = [point for i, point in enumerate(last_at) if i == 0 or point[1] != last_at[i - 1][1]]
        return cls(tuple(kept), end_s)

    @property
    def start_s(self) -> float:
        return self.points[0][0]

    def at(self, t: float) -> float:
        """The value at ``t``; before the first point that of the first."""
        return self.points[max(0, bisect_right(self.points, t, key=itemgetter(0)) - 1)][1]

    def changes(self) -> tuple[tuple[float, float, float], ...]:
        """(t, value before, value after) of every step."""
        return tuple((later[0], earlier[1], later[1]) for earlier, later in pairwise(self.points))

    def first(self, at_least: float, from_s: float) -> float | None:
        """The first instant from ``from_s`` on with such a value, None when there is none before the end."""
        if self.at(from_s) >= at_least:
            return from_s
        return next((t for t, value in self.points if t > from_s and value >= at_least), None)

    def reversals(self) -> int:
        """How often it turns: a step up that follows a step down, or a step down that follows a step up."""
        ups = [after > before for _, before, after in self.changes()]
        return sum(earlier != later for earlier, later in pairwise(ups))


def pieces(first: Steps, second: Steps) -> Iterator[tuple[float, float, float]]:
    """(seconds, value of the first, value of the second) for each stretch in which neither changes."""
    start_s, end_s = max(first.start_s, second.start_s), min(first.end_s, second.end_s)
    inside = {t for t, _ in (*first.points, *second.points) if start_s < t < end_s}
    for begin_s, finish_s in pairwise(sorted({start_s, end_s, *inside}) if start_s < end_s else ()):
        yield finish_s - begin_s, first.at(begin_s), second.at(begin_s)


def demand(level: Samples, capacity_per_s: float, start_s: float, end_s: float) -> Steps:
    """d(t) = ⌈λ(t) ÷ capacity⌉, at least 1, with λ the polyline ``level`` of starts per second.

    Exact: the steps are where the line crosses a multiple of the capacity. Raises ValueError for a capacity of 0, and
    for one of which more than ``MOST_REPLICAS`` would be needed.
    """
    if capacity_per_s <= 0:
        raise ValueError("the capacity of a replica must be more than 0")
    highest = max((rate_per_s for _, rate_per_s in level), default=0.0)
    if highest > capacity_per_s * MOST_REPLICAS:
        needs = f"{highest:g} starts/s need more than {MOST_REPLICAS:,} replicas"
        raise ValueError(f"{needs} of {capacity_per_s:g} starts/s")

    def needed(rate_per_s: float) -> float:
        return max(1.0, math.ceil(rate_per_s / capacity_per_s * (1 - _ROUNDING)))

    times = {start_s}
    for (t0, y0), (t1, y1) in pairwise(level):
        times |= {t0, t1}
        low, high = sorted((y0, y1))
        for k in range(math.ceil(low / capacity_per_s), math.floor(high / capacity_per_s) + 1):
            if high > low:
                times.add(t0 + (t1 - t0) * (k * capacity_per_s - y0) / (y1 - y0))
    inside = sorted(t for t in times if start_s <= t < end_s)
    # In the middle of a stretch, where no rounding of its ends matters.
    middles = [(t, needed(level_at(level, (t + later) / 2))) for t, later in pairwise((*inside, end_s))]
    return Steps.of(middles, end_s)


@dataclass(frozen=True)
class Sampled:
    """A step function that is known from samples only: each change lies somewhere between two of them."""

    low: Steps
    """At every instant the smallest value that it can have had."""
    high: Steps
    middle: Steps
    """With every change half-way between its two samples."""
    longest_gap_s: float
    """Longest time without a sample, also at the two ends."""
    usual_gap_s: float
    """Median time between two samples; 0 with fewer than two."""
    shortest_turn_s: float
    """Shortest time between a change and one in the other direction, infinite where it never turned."""


def sampled(samples: Samples, start_s: float, end_s: float) -> Sampled:
    """From at least one sample. A change and its undoing between two samples cannot be seen."""
    times = [t for t, _ in samples]
    values = [value for _, value in samples]
    edges = sorted({start_s, *(t + late_s for t in times for late_s in (0.0, READING_S) if start_s < t + late_s)})
    low, high = [], []
    for edge in edges:
        now = max(0, bisect_right(times, edge) - 1)
        # The one before: this sample may have been read a little after its instant.
        before = bisect_right(times, edge - READING_S + _ROUNDING) - 1
        possible = values[max(0, min(before, now)) : now + 2 if edge >= times[0] else 1]
        low.append((edge, min(possible)))
        high.append((edge, max(possible)))
    moves = [((t0 + t1) / 2, v1) for (t0, _), (t1, v1) in pairwise(samples)]
    at_start = next((value for t, value in reversed(moves) if t <= start_s), values[0])
    middle = [(start_s, at_start), *(move for move in moves if move[0] > start_s)]
    seen = [t for t in times if start_s <= t <= end_s]
    inside = [start_s, *seen, end_s]
    moved = [(t1, v1 > v0) for (t0, v0), (t1, v1) in pairwise(samples) if v1 != v0 and start_s <= t0 and t1 <= end_s]
    return Sampled(
        Steps.of(low, end_s),
        Steps.of(high, end_s),
        Steps.of(middle, end_s),
        max(later - earlier for earlier, later in pairwise(inside)),
        statistics.median(later - earlier for earlier, later in pairwise(seen)) if len(seen) > 1 else 0.0,
        min((t1 - t0 for (t0, up), (t1, up_again) in pairwise(moved) if up != up_again), default=math.inf),
    )


@dataclass(frozen=True)
class Provisioning:
    """Herbst, Kounev, Reussner: Elasticity in Cloud Computing, ICAC 2013; SPEC RG: Ready for Rain?, 2016. As ratios,
    where the papers have per cent.
    """

    under_ratio: float
    """θU = 1/T Σ max(d − s, 0) ÷ d · Δt."""
    over_ratio: float
    """θO = 1/T Σ max(s − d, 0) ÷ d · Δt; 1: as many again as needed, all the time."""
    under_time_ratio: float
    """τU: share of the time with fewer than needed."""
    over_time_ratio: float


def provisioning(needed: Steps, ready: Steps) -> Provisioning:
    """Raises ValueError when the two have no time in common."""
    parts = list(pieces(needed, ready))
    total_s = math.fsum(seconds for seconds, _, _ in parts)
    if not total_s:
        raise ValueError("demand and supply have no time in common")
    return Provisioning(
        math.fsum(seconds * max(d - s, 0.0) / d for seconds, d, s in parts) / total_s,
        math.fsum(seconds * max(s - d, 0.0) / d for seconds, d, s in parts) / total_s,
        math.fsum(seconds for seconds, d, s in parts if s < d) / total_s,
        math.fsum(seconds for seconds, d, s in parts if s > d) / total_s,
    )


def instability(needed: Steps, ready: Steps) -> float:
    """υ of SPEC RG: share of the seconds in which demand and supply do not move in the same direction."""
    start_s, end_s = max(needed.start_s, ready.start_s), min(needed.end_s, ready.end_s)
    count = math.floor(end_s - start_s + _ROUNDING)
    edges = [start_s + i for i in range(count + 1)]

    def moves(steps: Steps) -> list[int]:
        levels = [steps.at(edge - _ROUNDING) for edge in edges]
        return [(later > earlier) - (later < earlier) for earlier, later in pairwise(levels)]

    unlike = sum(s != d for s, d in zip(moves(ready), moves(needed), strict=True))
    return unlike / count if count else 0.0
