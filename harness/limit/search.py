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
    """What the limit has to be at least, where anything is wanted."""

    def usable(self, level: float) -> float:
        """The level with three digits, within the bounds."""
        digits = float(f"{level:.3g}")
        return min(self.highest, max(self.lowest, round(digits) if self.is_whole else digits))


class End(Enum):
    """Why no further level is tried."""

    FOUND = "found"
    WANTED = "known to be what is wanted, or not to be"
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
    def broken(self) -> list[float]:
        """Levels that broke, or seemed to: what seems to break is not overtaken, for there the limit may lie."""
        return self.levels(Answer.BREAKS, Answer.SEEMS_TO_BREAK)

    @property
    def is_bracketed(self) -> bool:
        return bool(self.levels(Answer.HOLDS)) and bool(self.broken)

    @property
    def ceiling(self) -> float | None:
        """The level at which what makes the load ends, or is stopped; None where that is not known."""
        answered = max((level for level, _ in self.counted), default=0.0)
        spoilt = [level for level in self.levels(Silence.GENERATOR) if level > answered]
        stopped = [level for level in self.levels(Silence.STOPPED) if level > answered]
        return min([*spoilt[SURE_OF_CEILING - 1 :], *stopped], default=None)


@dataclass(frozen=True)
class Estimate:
    """Of the limit."""

    middle: float
    low: float
    high: float


def estimate(tried: Tried) -> Estimate | None:
    """The median of the posterior, and its interval, which never ends between the two levels nearest to the median that
    held below it and broke above it: there only the flat prior tells one place from another. None
    without a level that held and one that broke, or seemed to.
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
    last = tried.said[-MOST_SILENT:]
    is_silent = len(last) == MOST_SILENT and all(isinstance(each.says, Silence) for each in last)
    if tried.broken:
        if is_silent:
            return End.SILENT
        found = estimate(tried)
        return _below(tried, bounds) if found is None else _within(found, bounds)
    # Nothing has broken: other levels may say more, but for what was said of one again and again.
    if (
        is_silent
        and len({(each.level, each.says) for each in last}) == 1
        and last[0].says in (Silence.UNUSABLE, Silence.TOO_FEW)
    ):
        return End.SILENT
    return _above(tried, bounds)


def _within(found: Estimate, bounds: Bounds) -> float | End:
    is_narrow = found.high <= found.low * (1 + bounds.resolution)
    # Between two whole numbers in turn there is nothing to try.
    if is_narrow or (bounds.is_whole and round(found.high) - round(found.low) <= 1):
        return End.FOUND
    return bounds.usable(found.middle)


def _below(tried: Tried, bounds: Bounds) -> float | End:
    """Something has broken, or seemed to, and nothing has held for sure."""
    lowest = min(level for level, _ in tried.counted)
    there = [answer for level, answer in tried.counted if level == bounds.lowest]
    if len(there) < SURE_OF_LOWEST:
        return bounds.usable(lowest / GROWTH)
    return End.LOWEST if all(answer is Answer.BREAKS for answer in there) else End.SILENT


def _above(tried: Tried, bounds: Bounds) -> float | End:
    """Nothing has broken yet."""
    answered = [level for level, _ in tried.counted]
    top = max(answered, default=0.0)
    ceiling = tried.ceiling
    if ceiling is not None:
        below = top or bounds.lowest
        between = bounds.usable(math.sqrt(below * ceiling))
        is_close = ceiling <= below * (1 + bounds.resolution) or ceiling <= bounds.lowest
        if is_close or not top < between < ceiling:
            return End.STOPPED if ceiling in tried.levels(Silence.STOPPED) else End.GENERATOR
        return between
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
