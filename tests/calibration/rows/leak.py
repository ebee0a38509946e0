"""A process of 100 MB, watched in a recovery of 60 s and of 300 s, without a leak and with one.

Without: white and autocorrelated noise of 5 MB, a collector's sawtooth, a step in the warm-up, a cache that is full by
the middle. No rise may be *proven* in more than 5 of 100. A sawtooth longer than the run and a cache that fills slowly
do rise; they may not be *called a leak*. Of a random walk, which is neither, it is only said how often.
With a leak the same noise rises: it may not pass, and the rise is to be proven. A leak in steps, of which two or three
come while it is watched, may not pass either, though nothing grows between them. Another phase with three times the
load, and one without any, show the leak or the cache for what it is: the same bytes per request, or given back.

Then the least leak of which the rise is proven in 9 of 10, by size of the process and length of the recovery, in noise
(AR(1), 0.5) of 0.1 % of its memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from harness.criteria.recovery._leak import Growth, assess
from harness.findings import Outcome
from harness.recording import CriterionSpec
from harness.verdict import judge
from tests.calibration.__main__ import Each
from tests.calibration.figures import Figure, Mean, Share
from tests.calibration.memory import (
    BASELINE_S,
    IN_STEPS,
    MACHINE_BYTES,
    MB,
    NOISE,
    RECOVERY_S,
    RISING,
    SIZE_BYTES,
    STEADY,
    WALK,
    autoregressive,
    recording,
)

TITLE = "Leak, cache, collector, noise"
SHORT = 5
LENGTHS_S = (60, 300)
LEAK_BYTES = 40 * MB
MAKERS = {**STEADY, **RISING, "random walk": WALK, "leak in steps": IN_STEPS, **NOISE}
SIZES_BYTES = (100 * MB, 500 * MB, 1e9, 4e9)
DURATIONS_S = (45, 60, 120, 300, 1800)
RATE_SEEDS = 20
PRECISION = 1.1
"""The least rate is found within 10 %."""


def one_load(maker: str, length_s: int, leak_bytes: float, seed: int) -> Growth:
    random = np.random.default_rng(seed)
    t = np.arange(length_s, dtype=np.float64)
    memory_bytes = SIZE_BYTES + MAKERS[maker](random, t) + leak_bytes * t / length_s
    return assess(t, memory_bytes, MACHINE_BYTES).growth


def several_loads(kind: str, seed: int) -> tuple[Outcome, str]:
    """Ten requests a second for 60 s, thirty for 60 s, none for 60 s: what becomes of what they allocate."""
    random = np.random.default_rng(seed)
    end_s = RECOVERY_S + 180
    t = np.arange(end_s, dtype=np.float64)
    requests = np.cumsum(np.where(t < RECOVERY_S + 60, 10, np.where(t < RECOVERY_S + 120, 30, 0))).astype(np.float64)
    since = np.maximum(0.0, requests - 10 * BASELINE_S)
    gained = {
        "leak": 0.03 * MB * since,
        "cache that fills slowly": 60 * MB * (1 - np.exp(-since / 1200)),
        "given back without load": 0.03 * MB * since * (t < RECOVERY_S + 125),
        "nothing": np.zeros(end_s),
    }[kind]
    memory_bytes = {"api": SIZE_BYTES + gained + 0.5 * MB * random.standard_normal(end_s)}
    run = recording(memory_bytes, requests_per_s=(("more", 60, 30), ("idle", 60, 0)), starts={})
    found = next(each for each in judge(run, [CriterionSpec("memory_leak")]).findings if each.kind == "memory_leak")
    return found.outcome, found.reason


def least_rate(size_bytes: float, duration_s: int, seeds: int) -> float:
    """Bytes per second, by bisection."""
    t = np.arange(duration_s, dtype=np.float64)
    noise = [0.001 * size_bytes * autoregressive(np.random.default_rng(seed), duration_s, 0.5) for seed in range(seeds)]

    def is_seen(rate: float) -> bool:
        found = [assess(t, size_bytes + one + rate * t, MACHINE_BYTES).growth.goes_on for one in noise]
        return sum(found) >= 0.9 * seeds

    low, high = 1.0, size_bytes
    while high > PRECISION * low:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if is_seen(middle) else (middle, high)
    return high


def cell(seeds: int, of: tuple[float, int]) -> float:
    return least_rate(*of, seeds)


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for maker in MAKERS:
        for length_s in LENGTHS_S:
            case = f"{maker}, {length_s} s"
            if maker == "leak in steps":
                found = list(each(partial(one_load, maker, length_s, 0.0), seeds))
                passed = sum(one in (Growth.NONE, Growth.STOPPED) for one in found)
                yield Share(case, "false PASS", passed, len(seeds), (0.0, 0.05))
                continue
            if maker not in NOISE:
                found = list(each(partial(one_load, maker, length_s, 0.0), seeds))
                goal = None if maker == "random walk" else (0.0, 0.05)
                if maker not in RISING:
                    yield Share(case, "a rise is proven", sum(one.goes_on for one in found), len(seeds), goal)
                leaks = sum(one in (Growth.SUSPECTED, Growth.PROVEN) for one in found)
                yield Share(case, "called a leak", leaks, len(seeds), goal)
                continue
            case = f"leak of 40 MB, {case}"
            found = list(each(partial(one_load, maker, length_s, LEAK_BYTES), seeds))
            passed = sum(one in (Growth.NONE, Growth.STOPPED) for one in found)
            yield Share(case, "false PASS", passed, len(seeds), (0.0, 0.05))
            hard = maker == "in AR(1), 0.9" and length_s < 300
            yield Share(
                case, "the rise is proven", sum(one.goes_on for one in found), len(seeds), None if hard else (0.9, 1)
            )
    for kind in ("leak", "cache that fills slowly", "given back without load", "nothing"):
        judged = list(each(partial(several_loads, kind), seeds))
        case = f"{kind}, 10/s, 30/s and 0/s for 60 s each"
        failed = sum(outcome is Outcome.FAIL for outcome, _ in judged)
        passed = sum(outcome is Outcome.PASS for outcome, _ in judged)
        called = failed + sum("leak is suspected" in reason for _, reason in judged)
        yield Share(case, "called a leak", called, len(seeds), (0.95, 1) if kind == "leak" else (0.0, 0.05))
        if kind == "leak":
            yield Share(case, "false PASS", passed, len(seeds), (0.0, 0.05))
        elif kind != "cache that fills slowly":
            yield Share(case, "PASS", passed, len(seeds), (0.9, 1))
    if len(seeds) <= SHORT:
        return
    cells = [(size_bytes, duration_s) for size_bytes in SIZES_BYTES for duration_s in DURATIONS_S]
    for (size_bytes, duration_s), rate in zip(cells, each(partial(cell, RATE_SEEDS), cells), strict=True):
        case = f"{size_bytes / 1e6:,.0f} MB, recovery of {duration_s:,} s"
        yield Mean(case, "least leak seen in 9 of 10", rate * 60 / 1e6, "MB/min")
