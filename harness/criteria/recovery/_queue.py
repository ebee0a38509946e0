"""The target's own queue at the end of the recovery: is what waits there growing, standing, or being worked off?

Only the target can tell. Clients give up after their time-out and try again, so their latency is the same whether the
queue will be empty in a minute or never.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from itertools import pairwise

from harness.analysis.distributions import student_quantile
from harness.analysis.intervals import CONFIDENCE
from harness.analysis.lazy import np
from harness.criteria.recovery._trend import trend
from harness.recording import Recording
from harness.recording.header import Phase

HELD_S = 2
"""A value holds for so many seconds after its sample, where the next one is late."""
KNOWN_SHARE = 0.9
"""Of the seconds that are looked at, so many must have a value."""
BLOCK_S = 3
"""Changes of the queue are averaged over so many seconds, about the cube root of thirty: neighbours are alike."""
BOUND_SHARE, BOUND_WIDTH = 0.9, 0.05
"""A queue is full when such a share of its samples is that near to the largest of them."""
AROUND_A_LINE = 0.4
"""Deviations from a line that are less like their neighbours than this (lag-1 autocorrelation) are noise around it.
Those of a queue whose changes add up, a random walk, have 0.5 to 0.8 in 30 values, and more in a longer series."""
FLAT_SHARE = 0.1
"""A queue stands still when even its fastest fall would take off no more than this of it while it was watched."""
PAIR = " - "
"""Between two counters, received and handled, whose difference is the length of the queue."""


class Course(Enum):
    """What the queue did while it was watched. Only the first three tell metastable from slow."""

    RISING = "rising"
    STANDING = "standing"
    FALLING = "falling"
    FULL = "full"
    AS_BEFORE = "no longer than in the baseline"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Queue:
    """Lengths are requests, slopes requests a second."""

    course: Course
    begins: float
    """Median of the first third of the time that was watched."""
    ends: float
    """Median of the last third."""
    baseline: float
    """The longest in the baseline."""
    slope_per_s: float
    slope_interval_per_s: tuple[float, float]
    """That of Theil and Sen, as corrected by Hamed and Rao, which is right for noise around a line. Where the changes
    of the queue add up, its hull with the t-interval of the mean change of a block, which is right for a random walk.
    """

    @property
    def empty_after_s(self) -> float:
        """How long it will take to be empty, if it goes on to fall as it does; infinite where it does not."""
        return self.ends / -self.slope_per_s if self.slope_per_s < 0 else math.inf


def measure_queue(recording: Recording, gauge: str, baseline: Phase, start_s: int, end_s: int) -> Queue | str:
    """The queue from ``start_s`` to ``end_s``, or in words why it is not known.

    ``gauge`` names sampled values, ``PROBE/NAME`` or ``NAME``, with ``*`` for anything; ``RECEIVED - HANDLED`` is the
    difference of two, and several are separated by semicolons. What fits is added up over all sources.
    """
    lengths, missing = _lengths(recording, gauge)
    if missing:
        return f"{missing} was never sampled"
    watched = [(t, lengths[t]) for t in range(start_s, end_s) if t in lengths]
    before = [lengths[t] for t in range(baseline.start_s, baseline.end_s) if t in lengths]
    if len(watched) < KNOWN_SHARE * (end_s - start_s) or not before:
        read = f"was read in {len(watched)} of the last {end_s - start_s} s"
        return f"{gauge} {read} and in {len(before)} s of the {baseline.name}"
    values = [value for _, value in watched]
    slope, interval = _slope(watched)
    third = max(1, len(values) // 3)
    begins, ends = statistics.median(values[:third]), statistics.median(values[-third:])
    queue = Queue(Course.UNCLEAR, begins, ends, max(before), slope, interval)
    return Queue(_course(queue, values, end_s - start_s), begins, ends, max(before), slope, interval)


def _course(queue: Queue, values: Sequence[float], watched_s: int) -> Course:
    low, high = queue.slope_interval_per_s
    if high < 0:
        return Course.FALLING
    if queue.ends < queue.baseline + 1:
        return Course.AS_BEFORE
    if low > 0:
        return Course.RISING
    largest = max(values)
    near = sum(value >= largest - max(1.0, BOUND_WIDTH * largest) for value in values)
    if near >= BOUND_SHARE * len(values):
        return Course.FULL
    return Course.STANDING if -low * watched_s <= FLAT_SHARE * queue.ends else Course.UNCLEAR


def _slope(watched: Sequence[tuple[int, float]]) -> tuple[float, tuple[float, float]]:
    """Requests a second, with its interval; of at least ten values."""
    line = trend(np.array([t for t, _ in watched], dtype=np.float64), np.array([v for _, v in watched]), CONFIDENCE)
    if line is None:
        return 0.0, (-math.inf, math.inf)
    low, high = line.slope_interval
    if _is_around_a_line([value - line.slope * t for t, value in watched]):
        return line.slope, (low, high)
    changes = [(later - earlier) / (t1 - t0) for (t0, earlier), (t1, later) in pairwise(watched[::BLOCK_S])]
    mean, freedom = statistics.fmean(changes), len(changes) - 1
    margin = student_quantile((1 + CONFIDENCE) / 2, freedom) * statistics.stdev(changes) / math.sqrt(len(changes))
    return line.slope, (min(low, mean - margin), max(high, mean + margin))


def _is_around_a_line(detrended: Sequence[float]) -> bool:
    mean = statistics.fmean(detrended)
    apart = [value - mean for value in detrended]
    together = sum(earlier * later for earlier, later in pairwise(apart))
    return together < AROUND_A_LINE * sum(each * each for each in apart)


def _lengths(recording: Recording, gauge: str) -> tuple[Mapping[int, float], str]:
    """The length of the queue in each second in which all of it is known; or the part that was never sampled."""
    total: dict[int, float] | None = None
    for part in (part.strip() for part in gauge.split(";") if part.strip()):
        for sign, name in zip((1, -1), part.split(PAIR), strict=False):
            series = _series(recording, name.strip())
            if not series:
                return {}, name.strip()
            for values in series:
                known = {t: sign * value for t, value in values.items()}
                total = known if total is None else {t: total[t] + known[t] for t in total.keys() & known.keys()}
    return total or {}, "" if total is not None else "nothing"


def _series(recording: Recording, name: str) -> list[dict[int, float]]:
    """Second → value, one for each source and key that fits."""
    found: dict[tuple[str, str, str], dict[int, float]] = {}
    probe, _, key = name.partition("/")
    probes = {sample.probe for sample in recording.probes}
    if probe not in probes:
        probe, key = "", name
    pattern = key.replace("[", "[[]")
    for sample in sorted(recording.probes, key=lambda each: each.t):
        if probe and sample.probe != probe:
            continue
        for each, value in sample.values.items():
            if fnmatchcase(each, pattern) or each.partition("{")[0] == key:
                values = found.setdefault((sample.probe, sample.source, each), {})
                second = math.floor(sample.t)
                values |= dict.fromkeys(range(second, second + 1 + HELD_S), value)
    return list(found.values())
