"""What a search has found: the limit with its interval, or how far it came and what would settle it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.findings import ENOUGH_USERS, LATENCY_QUANTILE, Basis, Finding, Outcome
from harness.limit.search import TAIL, Bounds, End, Estimate, Tried, estimate, next_level
from harness.limit.step import Answer, Said, Silence
from harness.limit.threshold import CHANGED, PERHAPS_CHANGED, change

CONFIDENCE = 1 - 2 * TAIL


@dataclass(frozen=True)
class Searched:
    """For what the limit was looked for, and in what."""

    criterion: str
    kind: str
    """Of the criterion."""
    quantile: float
    """That it judges; 0 where it judges none."""
    option: str
    """Of the shape, that was changed: ``--peak``."""
    unit: str
    plateau_s: float
    """For which the highest level was held; 0 where it was an instant."""

    @property
    def is_sustained(self) -> bool:
        """Whether the limit is that of a load that lasts: then a queue must not have grown meanwhile."""
        return self.kind == LATENCY_QUANTILE and self.plateau_s > 0 and self.quantile > 0


@dataclass(frozen=True)
class Limit:
    searched: Searched
    tried: Tried
    bounds: Bounds
    ended: End | None
    """None: the search was broken off."""
    broken_off: str
    """Why, where it was, and what to do."""

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """Of the limit; an open end where nothing broke, or nothing held. None where nothing is known, also because
        levels that only seem to hold contradict those that broke, or there is no one limit of all steps.
        """
        if self.change:
            return None
        if self._estimate is not None:
            return self._sustained(self._estimate.low), self._estimate.high
        holds, breaks = self.tried.levels(Answer.HOLDS), self.tried.levels(Answer.BREAKS)
        if holds:
            return self._sustained(holds[-1]), math.inf
        seeming = self.tried.levels(Answer.SEEMS_TO_HOLD)
        return (0.0, breaks[0]) if breaks and not (seeming and seeming[-1] >= breaks[0]) else None

    @property
    def figure(self) -> float | None:
        """Half of the runs would hold at it; None where it was not found."""
        return None if self.change or self._estimate is None else self._estimate.middle

    @cached_property
    def _estimate(self) -> Estimate | None:
        return estimate(self.tried)

    @cached_property
    def change(self) -> str:
        """In words, where the steps contradict each other so much that the service was not the same in all of them."""
        counted = self.tried.counted
        least = CHANGED if self.bounds.wanted is None else PERHAPS_CHANGED
        before = change([(level, answer.is_good) for level, answer in counted], least)
        return "" if before is None else _contradiction(counted[:before], counted[before:], self.searched.unit)

    @property
    def outcome(self) -> Outcome:
        interval, wanted = self.interval, self.bounds.wanted
        if interval is None:
            return Outcome.INCONCLUSIVE
        if wanted is not None:
            low, high = interval
            return Outcome.PASS if low >= wanted else Outcome.FAIL if high < wanted else Outcome.INCONCLUSIVE
        if self.ended is End.FOUND:
            return Outcome.PASS
        return Outcome.FAIL if self.ended is End.LOWEST else Outcome.INCONCLUSIVE

    def next_level(self) -> float | End:
        """Of a search that goes on; none where it is known already whether the limit is what is wanted."""
        is_known = self.tried.is_bracketed and self.bounds.wanted is not None
        if is_known and self.outcome is not Outcome.INCONCLUSIVE:
            return End.WANTED
        return next_level(self.tried, self.bounds)

    def finding(self) -> Finding:
        searched = self.searched
        answers = [answer for _, answer in self.tried.counted]
        is_estimate = self.tried.is_bracketed and not self.change
        return Finding(
            criterion=searched.criterion,
            title=f"largest {searched.option} that keeps the limit of: {self._what()}",
            outcome=self.outcome,
            reason=self._reason(),
            figure=self.figure,
            unit=searched.unit,
            limit=self.bounds.wanted,
            interval=self.interval,
            basis=Basis.ESTIMATE if is_estimate else Basis.MEASURED,
            confidence=CONFIDENCE if is_estimate else None,
            evidence={
                "steps": len(self.tried.said),
                **{each.value: answers.count(each) for each in Answer},
                "did not count": len(self.tried.said) - len(answers),
            },
            kind=searched.kind,
        )

    def _what(self) -> str:
        """What the criterion judges, in its own words where any step has them."""
        titles = (each.finding.title for each in self.tried.said if each.finding is not None)
        return next(titles, self.searched.criterion)

    def _sustained(self, level: float) -> float:
        """The level without what a queue may have hidden. Where a service is asked for r a second and answers μ, its
        requests wait for W = q·H·(r − μ)/μ when a share q of H seconds is over; so one whose q-quantile of the latency
        is W answers r ÷ (1 + W/(q·H)) at least, for as long as one likes.
        """
        if not self.searched.is_sustained:
            return level
        held = [each for each in self.tried.said if each.answer is not None and each.answer.is_good]
        nearest = min((each for each in held if each.level >= level), key=lambda each: each.level, default=None)
        waited_s = _longest_s(nearest or max(held, key=lambda each: each.level))
        return level / (1 + waited_s / (self.searched.quantile * self.searched.plateau_s))

    def _reason(self) -> str:
        if self.change:
            return self.change
        unit, interval = self.searched.unit, self.interval
        why = self.broken_off or self._why()
        if interval is None:
            last = self.tried.said[-1] if self.tried.said else None
            told = f"; the last step: {last.reason}" if self.broken_off and last is not None and not last.answer else ""
            return f"no step said anything for sure: {why}{told}"
        low, high = interval
        if math.isinf(high):
            return f"at least {_level(low, unit)}: {why}"
        if not self.tried.levels(Answer.HOLDS):
            return f"less than {_level(high, unit)}: {why}"
        assert self.figure is not None
        sure = f"{_level(self.figure, unit)}, {_level(low)} to {_level(high)} with {CONFIDENCE * 100:g} % confidence"
        if self.bounds.wanted is not None and self.outcome is not Outcome.INCONCLUSIVE:
            than = "at least" if self.outcome is Outcome.PASS else "less than"
            return f"{sure}, so {than} the {_level(self.bounds.wanted, unit)} that are wanted"
        if self.bounds.wanted is not None and self.ended is End.FOUND:
            wanted = _level(self.bounds.wanted, unit)
            return f"{sure}, around the {wanted} that are wanted: a smaller --resolution would tell, with more steps"
        return sure if self.ended is End.FOUND else f"{sure}: {why}"

    def _why(self) -> str:
        """Why the search ended, and what would settle what it left open."""
        top = self.tried.said[-1] if self.tried.said else None
        match self.ended:
            case End.LOWEST:
                return "it breaks there, and lower was not looked: mend that, or begin with a lower base"
            case End.HIGHEST:
                return "nothing broke up to --max-rate: a higher one would find the limit"
            case End.GENERATOR:
                spoilt = [each for each in self.tried.said if each.says is Silence.GENERATOR]
                first = min(spoilt, key=lambda each: each.level)
                remedy = "more load processes (--processes), or a machine that is left to them,"
                if first.guard == ENOUGH_USERS:
                    remedy = "more users (--pool-users)"
                return (
                    f"the load generator ended at {_level(first.level, self.searched.unit)} ({first.reason}): {remedy} "
                    "would tell whether the service holds more"
                )
            case End.STOPPED:
                stopped = next(each for each in self.tried.said if each.says is Silence.STOPPED)
                return f"the run at {_level(stopped.level, self.searched.unit)} was stopped early: {stopped.reason}"
            case End.SILENT if top is not None:
                return f"the last steps said nothing of it: {top.reason}"
        return "more steps would narrow it (--max-steps, --max-duration)"


def _contradiction(before: Sequence[tuple[float, Answer]], after: Sequence[tuple[float, Answer]], unit: str) -> str:
    """The levels on the two sides of a change that contradict each other most, in words."""

    def held(steps: Sequence[tuple[float, Answer]]) -> float:
        return max((level for level, answer in steps if answer.is_good), default=0.0)

    def broke(steps: Sequence[tuple[float, Answer]]) -> float:
        return min((level for level, answer in steps if not answer.is_good), default=math.inf)

    if held(before) / broke(after) > held(after) / broke(before):
        seen = f"it held {_level(held(before), unit)} at first, and broke at {_level(broke(after), unit)} later"
    else:
        seen = f"it broke at {_level(broke(before), unit)} at first, and held {_level(held(after), unit)} later"
    return (
        f"{seen}: no one limit holds for steps that contradict each other so much. What the service keeps of a load "
        "(replicas that were added, a queue, a breaker that is open) has to be gone before the next step, and nobody "
        "else may load it meanwhile; where neither is so it was chance, and another search will tell"
    )


def _longest_s(said: Said) -> float:
    """The upper end of the latency of a step that held, in seconds; it is known, for it is within a limit."""
    return said.finding.interval[1] if said.finding is not None and said.finding.interval is not None else 0.0


def _level(level: float, unit: str = "") -> str:
    return f"{level:,.3g} {unit}".rstrip() if level < 1000 else f"{level:,.0f} {unit}".rstrip()
