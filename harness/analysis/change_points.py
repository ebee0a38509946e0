"""Where a series of figures, one a run, changed: E-divisive (Matteson & James 2014, "A nonparametric approach for
multiple change point analysis of multivariate data", JASA 109; for performance tests Fleming et al., arXiv 2301.03034).

A series is cut where the energy distance between what comes before and what comes after, weighted by m·n ÷ (m + n), is
largest. What comes after is the whole rest, or, where no such cut is kept, as much of the rest as makes the distance
largest: that finds a level that was left again. A cut is kept when at most a small share of random orders of the same
figures has one as large. Both parts are then looked at in the same way. Figures that lie far out are taken to lie
``FAR_OUT`` times the noise from the median: one run that took ten times as long hides nothing, and one whose end was
never seen has a place. Where the noise cannot be told, the figures are replaced by their normal scores, the quantiles
that values of these ranks would have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.analysis.distributions import normal_quantile, normal_quantiles, ranks
from harness.analysis.lazy import FloatArray, IntArray, np

ORDERS = 399
AS_GOOD = (4, 1)
"""Random orders, of so many, that may be as good for a cut to stand: before all that follows, and before a part of it.
So chance makes a cut in at most (5 + 2) ÷ 400 of series of one level.
"""
EXPONENT = 1.5
"""Of a distance, between 0 and 2: with 1 to 1.5 a change of twice the noise is found closest to its place."""
FEWEST_BESIDE = 4
"""Figures on either side of a cut."""
FEWEST = 12
"""With fewer figures too many orders are as good as the best, wherever the change lies: with ten, 1 in 126."""
FAR_OUT = 6.0
"""In standard deviations of the noise, which the differences between neighbours show, whatever the levels are."""
SEED = 20140123


def change_points(values: Sequence[float]) -> tuple[int, ...]:
    """Places at which a new level begins: the first figure of each level but the first. Values may be infinite, not
    NaN. The same values give the same places: random orders are drawn from a fixed seed.
    """
    series = np.asarray(values, dtype=np.float64)
    random = np.random.default_rng(SEED)
    found: list[int] = []
    waiting = [(0, len(series))]
    while waiting:
        begin, end = waiting.pop()
        cut = _cut(series[begin:end], random)
        if cut is not None:
            found.append(begin + cut)
            waiting += [(begin, begin + cut), (begin + cut, end)]
    return tuple(sorted(found))


def _cut(part: FloatArray, random: np.random.Generator) -> int | None:
    """Where the part is to be cut; None where it is of one level."""
    if len(part) < FEWEST or np.all(part == part[0]):
        return None
    scores = _within_reach(part)
    cuts, ends = _candidates(len(part))
    whole = ends == len(part)
    divergences = _divergences(scores, cuts, ends)
    best = (float(divergences[whole].max()), float(divergences.max()))
    as_good = [0, 0]
    for _ in range(ORDERS):
        by_chance = _divergences(random.permutation(scores), cuts, ends)
        for place, seen in enumerate((by_chance[whole], by_chance)):
            as_good[place] += float(seen.max()) >= best[place] * (1 - 1e-12)
        if as_good[0] > AS_GOOD[0] and as_good[1] > AS_GOOD[1]:
            return None
    if as_good[0] <= AS_GOOD[0]:
        return int(cuts[whole][divergences[whole].argmax()])
    return int(cuts[divergences.argmax()])


def _within_reach(part: FloatArray) -> FloatArray:
    """The figures, with finite distances that none of them rules."""
    finite = part[np.isfinite(part)]
    if len(finite) > len(part) / 2:
        steps = np.diff(finite)
        noise = float(np.median(np.abs(steps - np.median(steps)))) / normal_quantile(0.75) / math.sqrt(2)
        if noise > 0:
            middle = float(np.median(finite))
            return np.asarray((np.clip(part, middle - FAR_OUT * noise, middle + FAR_OUT * noise) - middle) / noise)
    return normal_quantiles(ranks(part) / (len(part) + 1))


def _candidates(n: int) -> tuple[IntArray, IntArray]:
    """All cuts, and ends of what comes after them, with so many figures on either side: both of shape (candidates,)."""
    cuts, ends = np.meshgrid(np.arange(FEWEST_BESIDE, n), np.arange(FEWEST_BESIDE, n + 1), indexing="ij")
    enough = ends - cuts >= FEWEST_BESIDE
    return cuts[enough], ends[enough]


def _divergences(values: FloatArray, cuts: IntArray, ends: IntArray) -> FloatArray:
    """Of all before each cut, and all from it to each end, in the shape of these: m·n ÷ (m + n) times the energy
    distance, 2 E|X − Y|^a − E|X − X′|^a − E|Y − Y′|^a, the means over all pairs.
    """
    sums = (np.abs(values[:, None] - values[None, :]) ** EXPONENT).cumsum(axis=0).cumsum(axis=1)
    before, after = cuts.astype(np.float64), (ends - cuts).astype(np.float64)
    left = sums[cuts - 1, cuts - 1]
    across = sums[cuts - 1, ends - 1] - left
    right = sums[ends - 1, ends - 1] - left - 2 * across
    distance = 2 * across / (before * after) - left / before**2 - right / after**2
    return np.asarray(before * after / (before + after) * distance, dtype=np.float64)
