"""When a rule that stops a run early holds.

Requests count in the second in which their end was reported, whenever they should have begun: a time-out after thirty
seconds is news now. One of several load processes reports every three seconds, so a second without reports changes
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from harness.analysis.alerts import STALE_S
from harness.analysis.histogram import bucket_bounds_us
from harness.analysis.tallies import RunningTally
from harness.analysis.target_memory import memory_bytes
from harness.live import stop_rules
from harness.live.stop_rules import ERROR_RATIO, QUANTILES, TARGET_DOWN, StopRule, in_words
from harness.recording import ProbeSample, Slice, Unanswered
from harness.recording.header import Phase

FEWEST = 10
"""Requests since a rule began to hold: fewer are no reason to end a run."""
RATE_WINDOW_S = 5
"""Whole seconds over which a rate is averaged: a herd is an instant."""
TOGETHER_S = 0.9
"""Samples that belong to one round of a sampler that comes round every second."""


class StopWatch:
    """What the rules need to know of one run, and since when each of them holds."""

    def __init__(
        self, rules: Iterable[StopRule], samples: Mapping[tuple[str, str], ProbeSample], phases: Iterable[Phase]
    ) -> None:
        """``samples``: of each probe and source the latest, kept by the live state."""
        self.rules = tuple(rules)
        self._phases = {phase.name: phase for phase in phases}
        self._ask_requests = any(rule.metric in (ERROR_RATIO, *QUANTILES) for rule in self.rules)
        """Else what came of each is not added up: the limits that every run has want only their number and size."""
        self._samples = samples
        self._ended = RunningTally()
        """Told since the last look."""
        self._seen_of: dict[StopRule, int] = {}
        """Requests since the rule began to hold."""
        self._since_s: dict[StopRule, float] = {}
        self._waiting: dict[tuple[str, int, str, str], int] = {}
        """(node, second in which they should have begun, name, outcome) → requests that have no answer yet."""
        self._bytes = 0
        self._starts: dict[int, int] = {}
        """Of the last seconds, by intended start."""
        self._down: tuple[float, str] | None = None
        """Since when the target is down, and what came when it was asked last."""
        self._next_s = 1.0

    def add(self, piece: Slice) -> None:
        """Also what users send before and after the phases: it is received, too."""
        if not self.rules:
            return
        self._bytes += piece.bytes
        if piece.warm_up or piece.wind_down:
            return
        if self._ask_requests:
            self._ended.add(piece)
        self._starts[piece.t] = self._starts.get(piece.t, 0) + piece.count

    def add_unanswered(self, line: Unanswered) -> None:
        for t, name, outcome, count, _ in line.requests if self._ask_requests else ():
            if count:
                self._waiting[line.node, t, name, outcome] = count
            else:
                self._waiting.pop((line.node, t, name, outcome), None)

    def set_target(self, asked_s: float, ok: bool, detail: str) -> None:
        """What came of a health check that was begun at that instant."""
        self._down = None if ok else (self._down[0] if self._down else asked_s, detail)

    def is_due(self, elapsed_s: float) -> bool:
        """Whether another second is over."""
        return elapsed_s >= self._next_s

    def look(self, elapsed_s: float) -> str:
        """When it is due: why the run has to be stopped now, or nothing."""
        self._next_s = math.floor(elapsed_s) + 1.0
        ended, self._ended = self._ended, RunningTally()
        self._starts = {t: n for t, n in self._starts.items() if t >= elapsed_s - 4 * RATE_WINDOW_S}
        for rule in self.rules:
            phase = self._phases.get(rule.phase)
            if rule.phase and (phase is None or not phase.start_s < elapsed_s <= phase.end_s):
                continue
            if why := self._look_at(rule, ended, elapsed_s):
                return f"{rule.words} ({rule.flag}): {why}"
        return ""

    def _look_at(self, rule: StopRule, ended: RunningTally, elapsed_s: float) -> str:
        if rule.metric == TARGET_DOWN:
            lasted_s = 0.0 if self._down is None else elapsed_s - self._down[0]
            held = self._down is not None and lasted_s >= rule.for_s
            return f"it was down for {lasted_s:.1f} s, {self._down[1]}" if held and self._down else ""
        found = self._measured(rule, ended, elapsed_s)
        if found is None:
            return ""
        figure, requests = found
        if figure <= rule.limit:
            self._since_s.pop(rule, None)
            self._seen_of.pop(rule, None)
            return ""
        since_s = self._since_s.setdefault(rule, elapsed_s - 1.0)
        self._seen_of[rule] = self._seen_of.get(rule, 0) + requests
        too_few = requests and self._seen_of[rule] < FEWEST
        if too_few or elapsed_s - since_s < rule.for_s:
            return ""
        seen = f"{100 * figure:.4g} %" if rule.metric == ERROR_RATIO else in_words(rule.metric, figure)
        return f"it was {seen}"

    def _measured(self, rule: StopRule, ended: RunningTally, elapsed_s: float) -> tuple[float, int] | None:
        """The figure of a rule and on how many requests it rests, 0 where on none; None where nothing is known."""
        match rule.metric:
            case stop_rules.ERROR_RATIO:
                return (ended.failed / ended.intended, ended.intended) if ended.intended else None
            case stop_rules.MEMORY:
                sizes = list(self._memory_bytes(elapsed_s))
                return (sum(sizes), 0) if sizes else None
            case stop_rules.RATE:
                return self._rate(elapsed_s), 0
            case stop_rules.BYTES:
                return float(self._bytes), 0
            case quantile:
                return self._quantile(QUANTILES[quantile], rule.limit, ended, elapsed_s)

    def _quantile(self, q: float, limit_s: float, ended: RunningTally, elapsed_s: float) -> tuple[float, int] | None:
        """Of what has ended, and of what has waited longer than the limit already: that will be slower, if it ever
        ends. What failed is slower than anything.
        """
        waiting = [
            (elapsed_s - t - 1.0, number)
            for (_, t, *_), number in self._waiting.items()
            if elapsed_s - t - 1.0 > limit_s
        ]
        answered = [(bucket_bounds_us(bucket)[1] / 1e6, number) for bucket, number in ended.latency.items()]
        known = sorted([*answered, *waiting, (math.inf, ended.failed)])
        total = sum(number for _, number in known)
        if not total:
            return None
        rank, passed = math.ceil(q * total), 0
        for latency_s, number in known:
            passed += number
            if passed >= rank:
                return latency_s, total
        return math.inf, total

    def _memory_bytes(self, elapsed_s: float) -> Iterator[float]:
        """Of the processes that were sampled with the newest: one that has taken another's place is not counted with
        it.
        """
        read = [
            (each.t, memory)
            for (probe, _), each in self._samples.items()
            if not each.error and (memory := memory_bytes(probe, each.values)) is not None
        ]
        newest_s = max((t for t, _ in read), default=0.0)
        if newest_s >= elapsed_s - STALE_S:
            yield from (memory for t, memory in read if t > newest_s - TOGETHER_S)

    def _rate(self, elapsed_s: float) -> float:
        """The largest mean over whole seconds that are over; what is told late can only raise it."""
        last_s = math.floor(elapsed_s) - RATE_WINDOW_S
        sums = (
            sum(self._starts.get(t, 0) for t in range(begin_s, begin_s + RATE_WINDOW_S))
            for begin_s in range(max(0, last_s - 2 * RATE_WINDOW_S), last_s + 1)
        )
        return max(sums, default=0) / RATE_WINDOW_S
