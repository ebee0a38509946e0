"""Which of the target's processes look like a leak, if any, and under which loads they were watched."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from harness.analysis import phases
from harness.analysis.lazy import np
from harness.analysis.processes import ProcessSeries, memory_together
from harness.analysis.restarts import Restart, stretches
from harness.criteria.recovery._leak import Growth, LeakTest, Stretch, assess, compared
from harness.recording import Recording
from harness.recording.header import Phase

SHORTEST_S = 15
"""A shorter phase does not tell whether its load was steady."""
STEADY_RATIO = 1.3
"""A phase is one of steady load when no third of it has more requests than so many times another."""


def leak_in(
    recording: Recording,
    samples: Mapping[str, ProcessSeries],
    steady: Sequence[str],
    went: Sequence[str],
    anew: Sequence[Restart],
    recovery: Phase,
    end_s: float,
) -> LeakTest:
    """The test of the processes that were there throughout, together, and of each stretch of any other, by itself: the
    one that looks most like a leak.
    """
    found: list[LeakTest] = []
    if steady:
        limit_bytes = min(samples[name].memory_limit_bytes for name in steady)  # they may share one
        seconds = np.arange(recovery.start_s, math.floor(end_s), dtype=np.float64)
        together = Stretch(
            recovery.name,
            seconds,
            memory_together(samples, steady, recovery.start_s, end_s),
            _requests_per_s(recording, recovery) or 0.0,
        )
        test = assess(together.t, together.memory_bytes, limit_bytes)
        others = list(_other_loads(recording, samples, steady, recovery)) if test.growth.goes_on else []
        found.append(compared(test, together, others))
    for name in sorted({*(each.source for each in anew), *went}):
        mine = [each for each in anew if each.source == name]
        tests = [
            assess(t, memory_bytes, samples[name].memory_limit_bytes)
            for t, memory_bytes in stretches(samples[name], mine, recovery.start_s, end_s)
        ]
        # A stretch that is too short says nothing beside a longer one of the same process.
        told = [test for test in tests if test.growth is not Growth.UNKNOWN] or ([] if name in went else tests[:1])
        found += [dataclasses.replace(test, reason=f"{name}: {test.reason}") for test in told]
    if not found:
        return LeakTest(Growth.UNKNOWN, "no process was sampled both in the baseline and at the end")
    order = list(Growth)
    unknown = [test for test in found if test.growth is Growth.UNKNOWN]
    worst = max(found, key=lambda test: order.index(test.growth))
    return unknown[0] if unknown and not worst.growth.goes_on else worst


def _other_loads(
    recording: Recording, samples: Mapping[str, ProcessSeries], names: Sequence[str], recovery: Phase
) -> Iterator[Stretch]:
    """The other phases of steady load, or without any."""
    for phase in recording.header.phases:
        rate = None if phase.name == recovery.name else _requests_per_s(recording, phase)
        if rate is not None and all(len(samples[name].between(phase.start_s, phase.end_s)[0]) for name in names):
            t = np.arange(phase.start_s, phase.end_s, dtype=np.float64)
            yield Stretch(phase.name, t, memory_together(samples, names, phase.start_s, phase.end_s), rate)


def _requests_per_s(recording: Recording, phase: Phase) -> float | None:
    """None where the load of the phase was not steady, or it was too short to tell."""
    counts = np.zeros(phase.duration_s)
    for piece in phases.slices_of(recording, phase):
        counts[piece.t - phase.start_s] += piece.count
    if len(counts) < SHORTEST_S:
        return None
    thirds = [float(third.mean()) for third in np.array_split(counts, 3)]
    return float(counts.mean()) if max(thirds) <= max(STEADY_RATIO * min(thirds), 0.1) else None
