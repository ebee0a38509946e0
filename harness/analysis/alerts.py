"""Alerts: rules that are looked at once a second, while the run goes and again from its recording.

They inform and judge nothing. A rule looks at the ten seconds up to now by intended start; while the run goes that is
only what has been answered so far, so that the recording may show an alert earlier than it was raised live.
"""

from __future__ import annotations

import math
import statistics
from bisect import insort
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.analysis import error_budget
from harness.analysis.alert_episodes import Book, Condition, Episode
from harness.analysis.error_budget import BurnRates, Objective
from harness.analysis.once import once
from harness.analysis.phases import is_good_instant, shedding
from harness.analysis.tallies import DenseTally, RunningTally
from harness.analysis.target_memory import memory_bytes, memory_key
from harness.parameters import parameters_of
from harness.plugins import parameter
from harness.recording import ProbeSample, Recording, Slice
from harness.recording.header import Header, Phase

WINDOW_S = 10
FEWEST = 20
"""Requests in the window: fewer are no reason to wake anybody."""
STALE_S = 3.0
"""A sample older than this says nothing about now."""
QUANTILE = 0.95
RECENT = 10
"""Samples of a source that are kept: at one a second more than a rule looks back."""
MOST_SOURCES = 1000
"""Sources whose samples are kept: a server that forks a process for each connection has a new one all the time."""


@dataclass(frozen=True)
class Limits:
    """When to raise an alert; 0 or an empty text switches a rule off."""

    p95_s: float = parameter(2.0, "alert when p95 of the last 10 s is above so many seconds; 0: never")
    error_ratio: float = parameter(0.05, "alert when more of the last 10 s' requests failed; 0: never", highest=1)
    memory_growth_bytes: float = parameter(200e6, "alert when the target has grown by so many bytes; 0: never")
    memory_growth_ratio: float = parameter(0.25, "and by more than this share of the memory it had in the baseline")
    pool_use_ratio: float = parameter(0.9, "alert when more of a connection pool is in use; 0: never", highest=1)
    pool_names: str = parameter("in_use/size", "how sampled figures of a pool are called, e.g. active/max", web=True)
    """How figures for connections in use and for the pool's size are called; the rest of both names is the same."""
    replicas_name: str = parameter("ready,servers_up", "sampled figure whose changes are scaling events", web=True)
    """The figure whose every change is a scaling event; of several, the first that is sampled."""
    slo_objective: float = parameter(0.0, "share of good requests whose error budget is watched; 0: none", highest=1)
    """It and the next two come from the criterion ``error_budget``, and are no options of their own."""
    slo_window_days: float = parameter(30.0, "days for which that holds")
    slo_latency_s: float = parameter(0.0, "an answer is good only within so many seconds; 0: whenever it comes")

    @property
    def objective(self) -> Objective | None:
        if not 0 < self.slo_objective < 1:
            return None
        return Objective(self.slo_objective, self.slo_window_days, self.slo_latency_s)


@dataclass
class AlertWatch:
    """What the rules need to know so far.

    Requests by second, added up over nodes and names, and the last samples of each source.
    """

    baseline: Phase | None
    limits: Limits
    shedding: frozenset[str] = frozenset()
    """Outcomes that are neither failures nor answers, see :func:`harness.analysis.phases.shedding`."""
    run_s: int = 0
    """How long the phases take: the windows of the error budget shrink with them. 0: it is not watched."""
    tally: type[RunningTally] = RunningTally
    """How requests are added up."""
    _seconds: dict[int, RunningTally] = field(default_factory=dict)
    _window: RunningTally = field(init=False)
    """The seconds that the rules look at, from ``_oldest_s`` on and before ``_next_s``, together."""
    _oldest_s: int = 1 - WINDOW_S
    """The first second that a rule will still look at."""
    _next_s: int = 1 - WINDOW_S
    _samples: dict[tuple[str, str], deque[ProbeSample]] = field(default_factory=dict)
    """Of each source at least one."""
    _memory_before: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """Of each process, those of the baseline in ascending order."""

    def __post_init__(self) -> None:
        self._window = self.tally()
        objective = self.limits.objective if self.run_s > 0 else None
        self._budget_rules = () if objective is None else error_budget.rules(objective, self.run_s)
        self._burn_rates = None if objective is None else BurnRates(objective, self._budget_rules)

    def add(self, line: object) -> None:
        """Takes in a slice, or a probe's sample (those of one source in order); anything else is left alone."""
        if isinstance(line, Slice):
            if is_good_instant(line):
                return
            if self._burn_rates is not None and line.outcome not in self.shedding:
                self._burn_rates.add(line)
            if line.t >= self._oldest_s and line.outcome not in self.shedding:
                if line.t not in self._seconds:
                    self._seconds[line.t] = self.tally()
                self._seconds[line.t].add(line)
                if line.t < self._next_s:
                    self._window.add(line)
        elif isinstance(line, ProbeSample) and line.probe != "generator" and not line.error:
            self._add_sample(line)

    def look(self, t: int) -> list[Condition]:
        """What every rule sees when second ``t`` is over; a rule that can say nothing is left out. Seconds in order:
        what is too old for any rule is forgotten.
        """
        self._move_window(t)
        found = [*self._requests(), *self._memory(t), *self._pools(t), *self._replicas(t), *self._burning(t)]
        return [each for each in found if each.limit is None or each.limit > 0]

    def _move_window(self, t: int) -> None:
        """It ends with second ``t`` now."""
        self._oldest_s, before_s = t + 1 - WINDOW_S, self._next_s
        self._next_s = t + 1
        for second in sorted(self._seconds):
            if before_s <= second <= t:
                self._window.merge(self._seconds[second])
            if second < self._oldest_s:
                self._window.take_off(self._seconds.pop(second))

    def _add_sample(self, sample: ProbeSample) -> None:
        key = (sample.probe, sample.source)
        if key not in self._samples:
            if len(self._samples) >= MOST_SOURCES:
                oldest = min(self._samples, key=lambda each: self._samples[each][-1].t)
                del self._samples[oldest]
                self._memory_before.pop(oldest, None)
            self._samples[key] = deque(maxlen=RECENT)
        self._samples[key].append(sample)
        in_baseline = self.baseline is not None and self.baseline.start_s <= sample.t < self.baseline.end_s
        memory = memory_bytes(sample.probe, sample.values) if in_baseline else None
        if memory is not None:
            insort(self._memory_before.setdefault(key, []), memory)

    def _requests(self) -> Iterator[Condition]:
        tally = self._window
        if tally.intended < FEWEST:
            return
        p95_us = tally.quantile_us(QUANTILE)
        if p95_us is not None:
            p95_s, limit = p95_us / 1e6, self.limits.p95_s
            yield Condition("p95 latency", p95_s > limit, p95_s, limit, "s")
        ratio, limit = tally.failed / tally.intended, self.limits.error_ratio
        yield Condition("error ratio", ratio > limit, ratio, limit, "ratio", ", ".join(_most_frequent(tally.causes)))

    def _memory(self, t: int) -> Iterator[Condition]:
        """Growth over the median of the baseline, summed over the processes that were there in it; the limit as in the
        criterion ``memory_growth``.
        """
        limits = self.limits
        if self.baseline is None or t < self.baseline.end_s or not limits.memory_growth_bytes:
            return
        pairs = []
        for (probe, source), readings in self._memory_before.items():
            now = _latest(self._samples[probe, source], memory_key(probe), t)
            if now is not None:
                pairs.append((statistics.median(readings), now))
        if pairs:
            before, after = map(sum, zip(*pairs, strict=True))
            growth, limit = after - before, max(limits.memory_growth_bytes, limits.memory_growth_ratio * before)
            yield Condition("memory growth", growth > limit, growth, limit, "bytes")

    def _pools(self, t: int) -> Iterator[Condition]:
        """The fullest pool; each source with its own."""
        busy_name, _, size_name = self.limits.pool_names.partition("/")
        if not busy_name or not size_name:
            return
        uses: list[tuple[float, str]] = []
        for (_, source), samples in self._samples.items():
            for key in samples[-1].values:
                size = _latest(samples, key.replace(busy_name, size_name), t) if busy_name in key else None
                busy = _latest(samples, key, t)
                if size and busy is not None:
                    uses.append((busy / size, f"{source} {key}"))
        if uses:
            (use, where), limit = max(uses), self.limits.pool_use_ratio
            yield Condition("pool use", use > limit, use, limit, "ratio", where)

    def _burning(self, t: int) -> Iterator[Condition]:
        """The error budget, see :mod:`harness.analysis.error_budget`."""
        if self._burn_rates is None:
            return
        self._burn_rates.close_second(t)
        for rule in self._budget_rules:
            rate = self._burn_rates.of(rule, FEWEST)
            if rate is not None:
                over = rate > rule.burn_rate
                yield Condition(
                    f"error budget, {rule.name}", over, rate, rule.burn_rate, "times", f"over {rule.windows}"
                )

    def _replicas(self, t: int) -> Iterator[Condition]:
        sampled = {key for samples in self._samples.values() for key in samples[-1].values}
        name = next((name for name in self.limits.replicas_name.split(",") if name in sampled), "")
        for (_, source), samples in self._samples.items():
            if not name or name not in samples[-1].values:
                continue
            before, now = _latest(samples, name, t - 1), _latest(samples, name, t)
            if before is not None and now is not None:
                text = f"{before:g} → {now:g} {name}"
                yield Condition(f"scaling, {source}", before != now, now, None, "", text)


def _most_frequent(causes: Mapping[str, int]) -> list[str]:
    return sorted(causes, key=lambda cause: causes[cause], reverse=True)[:2]


def _latest(samples: deque[ProbeSample], name: str, t: int) -> float | None:
    """The newest value at the end of second ``t``; None when it is stale or missing."""
    for sample in reversed(samples):
        if sample.t < t + 1:
            return sample.values.get(name) if sample.t >= t + 1 - STALE_S else None
    return None


@once
def episodes(recording: Recording) -> tuple[Episode, ...]:
    """Every alert of the run by the limits of its header, in the order in which they were raised."""
    seen = of_header(recording.header, DenseTally)
    # In the order of time, so that only the seconds that are looked at have to be added up and kept.
    slices = deque(sorted(recording.slices, key=lambda piece: piece.t))
    samples = deque(sorted(recording.probes, key=lambda sample: sample.t))
    book = Book()
    closed: list[Episode] = []
    planned_s = recording.header.planned_end_s
    ended_s = planned_s if recording.end is None else min(planned_s, math.ceil(recording.end.t))
    for t in range(ended_s):
        while slices and slices[0].t <= t:
            seen.add(slices.popleft())
        while samples and samples[0].t < t + 1:
            seen.add(samples.popleft())
        closed += book.note(t, seen.look(t))[1]
    return tuple(sorted((*closed, *book.open.values()), key=lambda episode: episode.start_s))


def of_header(header: Header, tally: type[RunningTally] = RunningTally) -> AlertWatch:
    """What the rules see of a run that was planned so; nothing yet."""
    run_s = header.planned_end_s - header.phases[0].start_s if header.phases else 0
    return AlertWatch(header.phase("baseline"), limits_of(header.alerts), shedding(header), run_s, tally)


def limits_of(data: Mapping[str, object]) -> Limits:
    """From the header's data; what it does not name, or gives no usable value for, is as it is by default, and what is
    unknown is left out.
    """
    declared = {each.name: each for each in parameters_of(Limits)}
    known = {name: value for name, value in data.items() if name in declared and declared[name].problem(value) is None}
    return Limits(**known)  # type: ignore[arg-type]  # they fit what is declared
