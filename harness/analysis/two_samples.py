"""Two groups of independent figures, one a run: is the second larger, by how much, and between which bounds?

- Whether: a rank sum test (Mann & Whitney 1947), or for times that were not seen to end the log-rank test (Peto & Peto
  1972). Both are sums of scores over the second group, and exact by permutation (all of them up to ``MOST_SPLITS``,
  else the normal approximation, which knows of ties).
- By how much: the median of all differences (Hodges & Lehmann 1963), with the interval that belongs to the rank sum
  test: it takes four against four for 95 %.
- Of several at once: Holm's procedure (1979).

A figure is a pair of bounds: equal where it is known, (t, inf) where what was waited for had not come after t.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from harness.analysis.distributions import normal_above, ranks
from harness.analysis.lazy import FloatArray, np

Bounds = tuple[float, float]

FEWEST = 4
"""In each group: fewer leave a 95 % interval of the shift unbounded."""
MOST_SPLITS = 20_000
"""That are counted one by one, of both groups into two of their sizes."""


def is_censored(bounds: Bounds) -> bool:
    return math.isinf(bounds[1]) and not math.isinf(bounds[0])


def middle_of(side: Sequence[Bounds]) -> float:
    """The median, with what was not seen to end as long as it was watched; NaN of nothing."""
    return statistics.median([low if math.isinf(high) else high for low, high in side]) if side else math.nan


def larger(first: Sequence[Bounds], second: Sequence[Bounds]) -> float:
    """The chance, if both groups were alike, that the second came out as large as it did, or larger (one-sided p).

    By the log-rank test where a figure is censored, else by the rank sum.
    """
    return as_large_by_chance(_scores([*first, *second]), len(second))


def least_chance(first: Sequence[Bounds], second: Sequence[Bounds]) -> float:
    """The smallest p that any order of these figures could have: above the error that is allowed, the groups are too
    small, or their figures too much the same, for the test ever to say anything.
    """
    return as_large_by_chance(np.sort(_scores([*first, *second])), len(second))


def _scores(both: Sequence[Bounds]) -> FloatArray:
    return log_rank_scores(both) if any(map(is_censored, both)) else ranks(np.array([high for _, high in both]))


def log_rank_scores(bounds: Sequence[Bounds]) -> FloatArray:
    """Of shape (n,): the cumulative hazard of Nelson and Aalen at the time of each, less 1 where the end was seen. The
    sum over a group is its expected less its observed ends: large where it takes long.
    """
    times = np.array([low if math.isinf(high) else high for low, high in bounds])
    seen = np.array([not math.isinf(high) for _, high in bounds])
    distinct = np.unique(times[seen])
    ended = np.array([np.sum(seen & (times == t)) for t in distinct])
    at_risk = np.array([np.sum(times >= t) for t in distinct])
    hazard = np.concatenate([[0.0], np.cumsum(ended / at_risk)])
    return np.asarray(hazard[np.searchsorted(distinct, times, side="right")] - seen, dtype=np.float64)


def as_large_by_chance(scores: FloatArray, in_second: int) -> float:
    """P(sum of ``in_second`` of the scores, drawn without replacement, ≥ the sum of the last so many of them)."""
    n, seen = len(scores), float(scores[len(scores) - in_second :].sum())
    slack = 1e-9 * max(1.0, float(np.abs(scores).sum()))
    if math.comb(n, in_second) <= MOST_SPLITS:
        splits = np.fromiter(
            itertools.chain.from_iterable(itertools.combinations(range(n), in_second)), dtype=np.int64
        ).reshape(-1, in_second)
        return float(np.mean(scores[splits].sum(axis=1) >= seen - slack))
    spread = math.sqrt(in_second * (n - in_second) / n * float(np.var(scores, ddof=1)))
    return normal_above((seen - in_second * float(scores.mean())) / spread) if spread > slack else 1.0


def shift(first: Sequence[Bounds], second: Sequence[Bounds], confidence: float) -> tuple[float | None, Bounds]:
    """By how much the second group is larger: the median of all differences and its interval, with equal tails.

    The figure is None where censored ones hide it; an end of the interval is ±inf where they do, or where the groups
    are too small for the confidence.
    """
    low_of = sorted(_less(after[0], before[1], -math.inf) for before in first for after in second)
    high_of = sorted(_less(after[1], before[0], math.inf) for before in first for after in second)
    middle = len(low_of) / 2
    medians = [(of[math.ceil(middle) - 1] + of[math.floor(middle)]) / 2 for of in (low_of, high_of)]
    figure = medians[0] if medians[0] == medians[1] and math.isfinite(medians[0]) else None
    cut = _differences_cut_off(len(first), len(second), (1 - confidence) / 2)
    interval = (low_of[cut - 1], high_of[len(high_of) - cut]) if cut else (-math.inf, math.inf)
    return figure, interval


def _less(value: float, other: float, unknown: float) -> float:
    return unknown if math.isinf(value) and value == other else value - other


def _differences_cut_off(n: int, m: int, tail: float) -> int:
    """The largest k with P(U ≤ k − 1) ≤ ``tail``, U the statistic of Mann and Whitney of two groups that are alike; 0
    where there is none. The interval begins at the k-th smallest difference.
    """
    below = np.cumsum(_ways(n, m)) / math.comb(n + m, n)
    return int(np.searchsorted(below, tail + 1e-12, side="right"))


def _ways(n: int, m: int) -> FloatArray:
    """In how many orders of n and m values each U from 0 to n·m comes, shape (n·m + 1,): the coefficients of the
    Gaussian binomial, as a product of (1 − x^(m+i)) ÷ (1 − x^i).
    """
    ways = np.zeros(n * m + 1)
    ways[0] = 1.0
    for i in range(1, n + 1):
        if m + i < len(ways):
            ways[m + i :] -= ways[: len(ways) - m - i].copy()
        for offset in range(i):
            ways[offset::i] = np.cumsum(ways[offset::i])
    return ways


def fewest_for(tests: int, error: float) -> int:
    """How many against as many it takes at the least, for one of so many tests to be significant by Holm."""
    return next(n for n in itertools.count(2) if math.comb(2 * n, n) * error >= tests)


def holm(chances: Sequence[float]) -> list[float]:
    """The p-values as they are together: one is significant at α where its adjusted value is at most α (Holm 1979)."""
    adjusted, least = [0.0] * len(chances), 0.0
    for place, index in enumerate(sorted(range(len(chances)), key=lambda each: chances[each])):
        least = max(least, min(1.0, (len(chances) - place) * chances[index]))
        adjusted[index] = least
    return adjusted
