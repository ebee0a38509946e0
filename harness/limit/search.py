"""Which level is tried next: up by doubling until the criterion breaks, then where the next run tells most.

Doubling and halving find the bracket in steps that grow with the logarithm of the limit alone (cf. Shivam et al.,
*Cutting Corners: Workbench Automation for Server Benchmarking*, USENIX ATC 2008); from then on the median of the
posterior is tried, see :mod:`harness.limit.threshold`, until its interval is narrow enough.

A step whose run was spoilt by the load generator is no answer. Where it happens twice above all that was answered,
the generator ends there, and the search closes in on that level from below: the limit is at least what held.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from harness.limit.step import Answer, Said, Silence
from harness.limit.threshold import posterior

GROWTH = 2.0
TAIL = 0.025
"""Probability beyond each end of the interval."""
MOST_SILENT = 3
"""Steps on end that say nothing: the next would say nothing either."""
SURE_OF_LOWEST = 2
"""Steps that have to break at the lowest level: one may have gone wrong for reasons of its own."""
SURE_OF_CEILING = 2


@dataclass(frozen=True)
class Bounds:
    """Between which levels the limit is looked for, and how well it has to be known."""

    lowest: float
    start: float
    highest: float
    resolution: float
    """Upper ÷ lower end of the interval, less 1, that is narrow enough."""
    is_whole: bool = False
    """Whether levels are whole numbers."""
    wanted: float | None = None
    """The limit is known well enough when it is known to be above or below this."""

    def usable(self, level: float) -> float:
        """The level with three digits, within the bounds."""
        digits = float(f"{level:.3g}")
        return min(self.highest, max(self.lowest, round(digits) if self.is_whole else digits))


class End(Enum):
    """Why no further level is tried."""

    FOUND = "found"
    WANTED = "known to be above or below what is wanted"
    LOWEST = "breaks at the lowest level"
    HIGHEST = "holds at the highest level"
    GENERATOR = "the generator ended"
    STOPPED = "stopped early"
    SILENT = "nothing was said"


@dataclass(frozen=True)
class Tried:
    """All steps so far, as far as one criterion goes."""

    said: Sequence[Said]

    @property
    def counted(self) -> list[tuple[float, Answer]]:
        return [(each.level, each.answer) for each in self.said if each.answer is not None]

    def levels(self, *wanted: Answer | Silence) -> list[float]:
        return sorted(each.level for each in self.said if each.says in wanted)

    @property
    def is_bracketed(self) -> bool:
        return bool(self.levels(Answer.HOLDS)) and bool(self.levels(Answer.BREAKS))

    @property
    def ceiling(self) -> float | None:
        """The level at which what makes the load ends, or is stopped; None where that is not known."""
        answered = max((level for level, _ in self.counted), default=0.0)
        spoilt = [level for level in self.levels(Silence.GENERATOR) if level > answered]
        stopped = [level for level in self.levels(Silence.STOPPED) if level > answered]
        ends = [*spoilt[SURE_OF_CEILING - 1 :][:1], *stopped[:1]]
        return min(ends, default=None)


@dataclass(frozen=True)
class Estimate:
    """Of the limit."""

    middle: float
    low: float
    high: float


def estimate(tried: Tried) -> Estimate | None:
    """The median of the posterior, and its interval, which never ends between the two levels nearest to the median that
    held below it and broke above it: there only the flat prior tells one place from another. None
    without a level that held and one that broke.
    """
    if not tried.is_bracketed:
        return None
    found = posterior([(level, answer.is_good) for level, answer in tried.counted])
    middle = found.quantile(0.5)
    low, high = found.quantile(TAIL), found.quantile(1 - TAIL)
    below = max((level for level, answer in tried.counted if answer.is_good and level <= middle), default=low)
    above = min((level for level, answer in tried.counted if not answer.is_good and level >= middle), default=high)
    return Estimate(middle, min(low, below), max(high, above))


def next_level(tried: Tried, bounds: Bounds) -> float | End:
    """The level of the next step, or why there is none."""
    if not tried.said:
        return bounds.usable(bounds.start)
    last = [each.says for each in tried.said[-MOST_SILENT:]]
    if (found := estimate(tried)) is not None:
        is_silent = len(last) == MOST_SILENT and all(isinstance(says, Silence) for says in last)
        return End.SILENT if is_silent else _within(found, bounds)
    if last.count(Silence.UNUSABLE) == MOST_SILENT:
        return End.SILENT
    if breaks := tried.levels(Answer.BREAKS):
        return _below(breaks, bounds)
    return _above(tried, bounds)


def _within(found: Estimate, bounds: Bounds) -> float | End:
    if found.high <= found.low * (1 + bounds.resolution):
        return End.FOUND
    if bounds.wanted is not None and not found.low < bounds.wanted <= found.high:
        return End.WANTED
    return bounds.usable(found.middle)


def _below(breaks: Sequence[float], bounds: Bounds) -> float | End:
    if breaks.count(bounds.lowest) >= SURE_OF_LOWEST:
        return End.LOWEST
    return bounds.usable(breaks[0] / GROWTH)


def _above(tried: Tried, bounds: Bounds) -> float | End:
    """Nothing has broken yet."""
    answered = [level for level, _ in tried.counted]
    top = max(answered, default=0.0)
    ceiling = tried.ceiling
    if ceiling is not None:
        below = top or bounds.lowest
        if ceiling <= below * (1 + bounds.resolution) or ceiling <= bounds.lowest:
            return End.STOPPED if ceiling in tried.levels(Silence.STOPPED) else End.GENERATOR
        between = bounds.usable(math.sqrt(below * ceiling))
        return between if between < ceiling else End.GENERATOR
    spoilt = [level for level in tried.levels(Silence.GENERATOR) if level > top]
    if spoilt:
        return spoilt[0]  # once more: it may have been disturbed
    if tried.said[-1].says is Silence.UNUSABLE:
        return tried.said[-1].level
    if top >= bounds.highest:
        return End.HIGHEST
    few = max(tried.levels(Silence.TOO_FEW), default=0.0)
    if few >= bounds.highest:
        return End.SILENT
    return bounds.usable(max(top, few, bounds.start / GROWTH) * GROWTH)
