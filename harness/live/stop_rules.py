"""Rules that stop a run early: how they are written, and when one of them holds.

A rule is ``METRIC > LIMIT [for SECONDS s] [in PHASE]``, or ``target down [for SECONDS s] [in PHASE]``; several are
separated by semicolons.
Requests count in the second in which their end was told, whenever they should have begun: what times out after thirty
seconds is news now. A load process among several tells every three seconds, so a second without news changes nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from harness.analysis.alert_episodes import NO_QUANTILE
from harness.analysis.alerts import STALE_S
from harness.analysis.histogram import bucket_bounds_us
from harness.analysis.phases import RunningTally
from harness.analysis.target_memory import memory_bytes
from harness.errors import nearest
from harness.recording import ProbeSample, Slice, Unanswered
from harness.recording_header import Phase

FEWEST = 10
"""Requests since a rule began to hold: fewer are no reason to end a run."""
RATE_WINDOW_S = 5
"""Whole seconds over which a rate is averaged: a herd is an instant."""
TOGETHER_S = 0.9
"""Samples that belong to one round of a sampler that comes round every second."""
LONGEST_S = 3600.0
FLAG = "--stop-when"
HOW = f'METRIC > LIMIT for SECONDS s, e.g. {FLAG} "error_ratio > 0.5 for 10 s"'

ERROR_RATIO, MEMORY, TARGET_DOWN = "error_ratio", "memory", "target down"
RATE, BYTES = "requests per second", "bytes received"
"""Those of the safety limits, which are options of their own."""
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_TIMES = {"s": 1.0, "ms": 1e-3, "min": 60.0}
_SIZES = {"bytes": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
_UNITS: Mapping[str, Mapping[str, float]] = {
    ERROR_RATIO: {"": 1.0, "%": 0.01},
    **{name: {"s": 1.0, "ms": 1e-3} for name in QUANTILES},
    MEMORY: _SIZES,
}
"""What a limit may be written in, and what one of it is in ratio, seconds or bytes."""
_RULE = re.compile(
    r"(?P<metric>[^<>=!]+?)\s*(?P<operator>[<>=!]+)\s*(?P<number>[^\s%a-zA-Z]+)\s*(?P<unit>%|(?!for\b)[A-Za-z]*)"
    r"(?:\s*\bfor\s+(?P<for>\S.*))?"
)
_IN_PHASE = re.compile(r"(?P<rule>.*\S)\s+in\s+(?:the\s+)?(?P<phase>[\w-]+)")
_DOWN = re.compile(r"target\s+(?:is\s+)?down(?:\s+for\s+(?P<for>\S.*))?", re.IGNORECASE)
_TIME = re.compile(r"(?P<number>[^\s%a-zA-Z]+)\s*(?P<unit>[a-z]*)")


@dataclass(frozen=True)
class StopRule:
    metric: str
    limit: float
    """Ratio, seconds, bytes, or requests per second; 0 for a target that is down."""
    for_s: float = 0.0
    """How long it has to hold; 0: the first look at which it does is enough."""
    flag: str = FLAG
    """The option that it came from."""
    phase: str = ""
    """In which alone it is looked at; empty: in all of them."""

    @property
    def words(self) -> str:
        """As it would be written."""
        lasting = f" for {self.for_s:g} s" if self.for_s else ""
        lasting += f" in the {self.phase}" if self.phase else ""
        if self.metric == TARGET_DOWN:
            return f"{TARGET_DOWN}{lasting}"
        return f"{self.metric} > {_figure(self.metric, self.limit)}{lasting}"


# As they are written


def parse(text: str) -> tuple[tuple[StopRule, ...], list[str]]:
    """The rules in ``text``, each once, and what is wrong with the others: one line each, with its remedy."""
    rules: list[StopRule] = []
    problems: list[str] = []
    for written in filter(None, (part.strip() for part in text.split(";"))):
        rule, wrong = _parsed(written) if written.isprintable() else (None, [f"cannot be read; write {HOW}"])
        shown = (written if written.isprintable() else repr(written))[:100]
        problems += [f"{FLAG} {shown}: {problem}" for problem in wrong]
        if rule is not None and not wrong:
            rules.append(rule)
    return tuple(dict.fromkeys(rules)), problems


def _parsed(written: str) -> tuple[StopRule | None, list[str]]:
    if scoped := _IN_PHASE.fullmatch(written):
        rule, problems = _parsed(scoped["rule"])
        if rule is not None and rule.phase:
            problems.append("a rule is looked at in one phase, or in all of them; write two rules for two phases")
        return None if rule is None else replace(rule, phase=scoped["phase"]), problems
    problems = []
    if down := _DOWN.fullmatch(written):
        return StopRule(TARGET_DOWN, 0.0, _seconds(down["for"], problems)), problems
    found = _RULE.fullmatch(written)
    if found is None:
        return None, [f"cannot be read; write {HOW}"]
    metric, unit = " ".join(found["metric"].split()), found["unit"]
    for_s = _seconds(found["for"], problems)
    if metric not in _UNITS:
        known = (*_UNITS, TARGET_DOWN)
        meant = nearest(metric, known)
        remedy = f"did you mean {meant}?" if meant else f"choose one of {', '.join(known)}"
        return None, [f"there is no metric {metric}; {remedy}", *problems]
    if found["operator"] != ">":
        problems.append(f"{found['operator']} cannot be used; write > : a run is stopped by what grows too large")
    units = {each.lower(): factor for each, factor in _UNITS[metric].items()}
    if unit.lower() not in units:
        wrong = f"the unit {unit} is none of {metric}" if unit else "its limit has no unit"
        problems.append(f"{wrong}; give {' or '.join(each or 'none' for each in _UNITS[metric])}")
    limit = _number(found["number"])
    if limit is None or limit < 0:
        problems.append(f"{found['number']} is no number of 0 or more; give one")
    limit = (limit or 0.0) * units.get(unit.lower(), 1.0)
    if metric == ERROR_RATIO and limit >= 1:
        problems.append("no more than all requests can fail; give a share below 1, e.g. 0.5 or 50 %")
    return StopRule(metric, limit, for_s), problems


def _seconds(text: str | None, problems: list[str]) -> float:
    """Of ``for``: how long."""
    if text is None:
        return 0.0
    found = _TIME.fullmatch(text.strip())
    number = None if found is None else _number(found["number"])
    factor = None if found is None else _TIMES.get(found["unit"] or "s")
    if number is None or factor is None or not 0 <= number * factor <= LONGEST_S:
        problems.append(f"for {text.strip()}: give seconds up to {LONGEST_S:g}, e.g. for 10 s")
        return 0.0
    return number * factor


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


# While the run goes


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

    def look(self, elapsed_s: float) -> str:
        """Once a second, whenever it is called: why the run has to be stopped now, or nothing."""
        if elapsed_s < self._next_s:
            return ""
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
        return f"it was {_figure(rule.metric, figure)}"

    def _measured(self, rule: StopRule, ended: RunningTally, elapsed_s: float) -> tuple[float, int] | None:
        """The figure of a rule and on how many requests it rests, 0 where on none; None where nothing is known."""
        match rule.metric:
            case "error_ratio":
                return (ended.failed / ended.intended, ended.intended) if ended.intended else None
            case "memory":
                sizes = list(self._memory_bytes(elapsed_s))
                return (sum(sizes), 0) if sizes else None
            case "requests per second":
                return self._rate(elapsed_s), 0
            case "bytes received":
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


def _figure(metric: str, value: float) -> str:
    """With its unit."""
    if metric in QUANTILES:
        return NO_QUANTILE if math.isinf(value) else f"{value:.4g} s"
    if metric in (MEMORY, BYTES):
        name, size = next(((n, s) for n, s in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if value >= s), ("bytes", 1.0))
        return f"{value / size:.4g} {name}"
    return f"{value:.6g}"
