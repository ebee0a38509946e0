"""How large peaks are: as they were seen, and beyond a threshold as a tail with a formula.

The excesses over a high threshold follow a generalised Pareto distribution (Pickands 1975), fitted by
probability-weighted moments (Hosking & Wallis 1987). Sizes around a typical one are no tail, and a fit to all of them
ends too soon. So the threshold is raised, to the largest two thirds of the peaks and to half of them, until what is
left looks like such a tail, by the statistic of Anderson and Darling with a parametric bootstrap (Choulakian & Stephens
2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.learn.level import Values

TAILS = (1.0, 2 / 3, 0.5)
"""Shares of the peaks, the largest of them, that may be the tail."""
LEAST_TAIL = 15
LOOKS_SO = 0.5
"""Of histories of the fitted tail, so many have to look less like it than the one that was seen. A test that only
rejects what is certain would keep most of what is none: there are so few."""
CHECKS = 300
SHORTEST_TAIL = -1.0
"""The shape ξ is taken for no less: there the distribution is uniform, with an end."""
LONGEST_TAIL = 0.999
"""And for no more: from 1 on there is no mean."""


@dataclass(frozen=True)
class Pareto:
    """Generalised Pareto distribution of an excess: scale σ and shape ξ, whose tail ends where ξ < 0."""

    scale: Values
    shape: Values

    def quantile(self, p: Values) -> Values:
        shape = _not_zero(self.shape)
        return np.asarray(self.scale * (np.power(1 - p, -shape) - 1) / shape)

    def beyond(self, excess: Values) -> Values:
        """P(excess is larger)."""
        shape = _not_zero(self.shape)
        inside = 1 + shape * excess / self.scale
        return np.where(inside > 0, np.power(np.maximum(inside, 1e-300), -1 / shape), 0.0)


def fit(excesses: Values) -> Pareto:
    """One for each row, by probability-weighted moments with the plotting positions (j − 0.35)/n."""
    ordered = np.sort(excesses, axis=-1)
    count = ordered.shape[-1]
    positions = (np.arange(1, count + 1) - 0.35) / count
    a0 = ordered.mean(axis=-1)
    a1 = (ordered * (1 - positions)).mean(axis=-1)
    shape = np.clip(2 - a0 / np.maximum(a0 - 2 * a1, 1e-300), SHORTEST_TAIL, LONGEST_TAIL)
    return Pareto(a0 * (1 - shape), shape)  # the mean is kept, also where the shape was bounded


@dataclass(frozen=True, eq=False)
class Sizes:
    """Of peaks, as excesses over the least of them: those that were seen up to ``start``, and a tail beyond."""

    lower: Values
    """Ascending."""
    start: float
    share: float
    """Of the peaks, that are of the tail."""
    tail: Pareto

    def quantile(self, p: Values) -> Values:
        beyond = self.start + self.tail.quantile(np.clip((p - 1 + self.share) / self.share, 0.0, 1.0))
        if not len(self.lower):
            return beyond
        seen = np.quantile([*self.lower, self.start], np.clip(p / (1 - self.share), 0.0, 1.0))
        return np.where(p < 1 - self.share, seen, beyond)

    def beyond(self, excess: Values) -> Values:
        """P(excess is larger)."""
        above = self.share * self.tail.beyond(np.maximum(excess - self.start, 0.0))
        known = [*self.lower, self.start]
        below = 1 - (1 - self.share) * np.interp(excess, known, np.linspace(0, 1, len(known)))
        return np.where(excess < self.start, below, above)


def sizes_of(excesses: Values, random: np.random.Generator) -> Sizes:
    """Of the excesses over the least peak, ascending: with as long a tail as looks like one."""
    count = len(excesses)
    for share in TAILS:
        kept = max(min(LEAST_TAIL, count), round(share * count))
        lower, over = excesses[: count - kept], excesses[count - kept :]
        start = float(lower[-1]) if len(lower) else 0.0
        found = Sizes(lower[:-1], start, kept / count, fit(over - start))
        if _looks_so(found.tail, over - start, random):
            break
    return found


def _looks_so(tail: Pareto, excesses: Values, random: np.random.Generator) -> bool:
    drawn = tail.quantile(random.uniform(size=(CHECKS, len(excesses))))
    refitted = fit(drawn)
    by_chance = _distance(Pareto(refitted.scale[:, None], refitted.shape[:, None]), drawn)
    return float((by_chance >= _distance(tail, excesses)).mean()) > LOOKS_SO


def _distance(tail: Pareto, excesses: Values) -> Values:
    """Of Anderson and Darling, over the last axis."""
    count = excesses.shape[-1]
    below = np.clip(1 - tail.beyond(np.sort(excesses, axis=-1)), 1e-9, 1 - 1e-9)
    weights = (2 * np.arange(1, count + 1) - 1) / count
    logs = np.log(below) + np.log1p(-below[..., ::-1])
    return np.asarray(-count - (weights * logs).sum(axis=-1))


def _not_zero(shape: Values) -> Values:
    """ξ = 0 is the exponential distribution, and the limit of its neighbours."""
    return np.where(np.abs(shape) < 1e-6, 1e-6, shape)
