"""CPU quotas of containers, and the periods in which they were used up, as probes sampled them.

Linux hands a group its quota of CPU time anew each period, and stops all its threads for the rest of a period in which
it is used up (Documentation/scheduler/sched-bwc.rst). Both periods and throttled periods are counters, so that what
happens between two samples is not missed; one that falls was started anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.lazy import FloatArray, np
from harness.analysis.once import once
from harness.analysis.target_memory import PROCESS, WORKING_SET
from harness.recording import ProbeSample, Recording

LIMIT, PERIODS, THROTTLED, THROTTLED_S = (
    "cpu_limit_cores",
    "cpu_periods_total",
    "cpu_throttled_periods_total",
    "cpu_throttled_s_total",
)
COUNTERS = (PERIODS, THROTTLED, THROTTLED_S)


@dataclass(frozen=True, eq=False)
class Quota:
    """One container over time; the arrays have one shape, and hold the samples in which its periods were counted."""

    source: str
    limit_cores: float | None
    """0 for none; None where whoever sampled it did not tell."""
    last_s: float
    t: FloatArray
    periods: FloatArray
    throttled: FloatArray
    cpu_s: FloatArray
    """For which its threads were stopped, added up over CPUs."""

    @property
    def is_counted(self) -> bool:
        return len(self.t) > 1

    def shares(self, start_s: float, end_s: float, window_s: float) -> Iterator[tuple[float, float]]:
        """At each sample the share of the periods in the ``window_s`` before it that were throttled; nothing where none
        was counted. A window that is cut short by ``start_s``, or by a new start of the container, is left out.
        """
        since = 0
        for i in range(1, len(self.t)):
            if self.periods[i] < self.periods[i - 1]:
                since = i
            if not start_s <= self.t[i] <= end_s + 1:
                continue
            before = np.flatnonzero(self.t[since : i + 1] <= self.t[i] - window_s)
            if not len(before) or self.t[since + before[-1]] < start_s - 1:
                continue
            j = since + int(before[-1])
            periods = self.periods[i] - self.periods[j]
            if periods > 0:
                yield float(self.t[i]), float((self.throttled[i] - self.throttled[j]) / periods)

    def throttled_seconds(self, start_s: float, end_s: float, share: float) -> Iterator[int]:
        """Whole seconds of the times between two samples in which that share of the periods was throttled."""
        changed = np.flatnonzero(np.diff(self.periods) != 0)
        last_s = self.t[0] if len(self.t) else 0.0
        for i in map(int, changed):
            periods, throttled = self.periods[i + 1] - self.periods[i], self.throttled[i + 1] - self.throttled[i]
            begin_s, last_s = last_s, self.t[i + 1]
            if periods > 0 and throttled / periods >= share:
                yield from range(
                    max(math.floor(begin_s), math.floor(start_s)), min(math.ceil(last_s), math.ceil(end_s))
                )

    def throttled_s(self, start_s: float, end_s: float) -> float:
        """CPU time for which its threads were stopped in that stretch."""
        inside = self.cpu_s[(self.t >= start_s - 1) & (self.t <= end_s + 1)]
        rises = np.diff(inside)
        return float(rises[rises > 0].sum())


@once
def quotas(recording: Recording) -> tuple[Quota, ...]:
    """Of every container that was sampled, with a quota or without one."""
    found: dict[tuple[str, str], list[ProbeSample]] = {}
    for sample in recording.probes:
        if sample.probe != PROCESS and sample.values.keys() & {WORKING_SET, LIMIT, PERIODS}:
            found.setdefault((sample.probe, sample.source), []).append(sample)
    return tuple(_quota(source, sorted(samples, key=lambda each: each.t)) for (_, source), samples in found.items())


def _quota(source: str, samples: list[ProbeSample]) -> Quota:
    counted = [each for each in samples if {PERIODS, THROTTLED} <= each.values.keys()]
    columns = [np.array([each.values.get(key, math.nan) for each in counted], dtype=np.float64) for key in COUNTERS]
    limits = [each.values[LIMIT] for each in samples if LIMIT in each.values]
    limit_cores = min((each for each in limits if each > 0), default=0.0 if limits else None)
    t = np.array([each.t for each in counted], dtype=np.float64)
    return Quota(source, limit_cores, samples[-1].t, t, *columns)
