"""When starts are due: the pure mathematics of the pacers. Nothing here looks at a clock.

Times are seconds after the origin. Every node computes the schedule of the whole cluster and takes its share, so
nothing has to be agreed on while the run goes, and the starts are the same however many nodes there are.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import islice, pairwise

from harness.load.run_plan import split
from shapes._profile import Polyline


def due_times(
    starts: Polyline, share: int = 0, shares: int = 1, seed: int | None = None, place: tuple[int, int] = (0, 1)
) -> Iterator[float]:
    """When node ``share`` of ``shares`` has to start somebody, in order; ``starts`` is in starts per second.

    Without a seed the starts are even: number i of the whole cluster is due where the area under the level reaches
    i + ½, if that is before the end. Of several levels at once, of which this one's ``place`` is (number, how many), it
    is i + (number + ½) ÷ how many, lest their starts fall together; see :func:`shapes._profile.starts_due`. With a seed
    they are a non-homogeneous Poisson process, made by thinning (Lewis & Shedler 1979): candidates at the peak rate,
    each kept with probability level ÷ peak. Node k takes every W-th, beginning with number k.
    """
    number, of = place
    if seed is None:
        return _even(starts, share, shares, (number + 0.5) / of)
    # Each level has chances of its own.
    return islice(_thinned(starts, seed + number * _BETWEEN_SEEDS), share, None, shares)


_BETWEEN_SEEDS = 1_000_003
"""People choose small seeds, or years: those of the other levels of a run are none that anybody would take."""


def _even(starts: Polyline, share: int, shares: int, first: float) -> Iterator[float]:
    """One pass over the polyline; each segment is a quadratic in t, solved in the form that is exact when flat."""
    number, area, end = share, 0.0, starts.points[-1][0]
    for (t0, y0), (t1, y1) in pairwise(starts.points):
        if t1 <= t0:
            continue
        slope = (y1 - y0) / (t1 - t0)
        segment = (t1 - t0) * (y0 + y1) / 2
        while (missing := number + first - area) <= segment:
            due = t0 + 2 * missing / (y0 + math.sqrt(max(y0 * y0 + 2 * slope * missing, 0.0)))
            if due >= end:
                return  # at the very end nobody is left to start it
            yield due
            number += shares
        area += segment


def _thinned(starts: Polyline, seed: int) -> Iterator[float]:
    chance = random.Random(seed)
    peak, t, end = starts.peak, starts.points[0][0], starts.points[-1][0]
    while peak > 0:
        t += chance.expovariate(peak)
        if t >= end:
            return
        if chance.random() * peak < starts.at(t):
            yield t


def active_changes(users: Polyline, share: int, shares: int) -> Iterator[tuple[float, int]]:
    """When the number of active users of node ``share`` changes, and to what: (t, number), in order of t.

    The cluster has level(t) active users, rounded; user number r is active while the level is at least r + ½, and
    belongs to node r mod W. So each node's number is within one of its fair share at every instant.
    """
    last = 0
    for t, total in _crossings(users):
        own = split(total, share, shares)
        if own != last:
            last = own
            yield t, own


def _crossings(users: Polyline) -> Iterator[tuple[float, int]]:
    """When the rounded level changes, and to what."""
    now = 0
    for (t0, y0), (t1, y1) in pairwise(users.points):
        first = math.floor(y0 + 0.5)
        if first != now:
            now = first
            yield t0, now
        step = 1 if y1 > y0 else -1
        while now != math.floor(y1 + 0.5) and t1 > t0:
            # Going up the next user comes at now + ½; going down the last one goes at now − ½.
            crossing = now + 0.5 * step
            now += step
            yield t0 + (t1 - t0) * (crossing - y0) / (y1 - y0), now
    if now:
        yield users.points[-1][0], 0
