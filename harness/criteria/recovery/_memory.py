"""Memory that the target has gained: median of the last tenth of the recovery phase − median of the baseline.

Memory is summed over the processes that were there in the baseline *and* at the end. A process that came
later brings memory that is no growth, and one that went takes growth away, so both are left out of the figure
and named. The interval is a moving-block bootstrap (Künsch 1989), because memory samples are strongly
correlated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.lazy import LazyModule
from harness.criteria.recovery._leak import LeakTest, assess
from harness.criteria.recovery._trend import FloatArray
from harness.recording import Recording
from harness.recording_header import Phase

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

PROBE = "process"
VALUE = "rss_bytes"
LAST_SHARE = 0.1
MINIMUM_SAMPLES = 5
PRESENT_SHARE = 0.5
"""Share of the seconds of a stretch in which a process must have been sampled to count as present."""
RESAMPLES = 2000
SEED = 20260314
LARGEST_GAP_S = 5.0
"""A process that was not readable for longer may have been restarted under the same name."""


@dataclass(frozen=True)
class Growth:
    """Memory gained, in bytes, and the processes that the figure is about."""

    growth_bytes: float | None
    """None when there is too little to compare; ``reason`` says what."""
    reason: str
    interval_bytes: tuple[float, float] | None = None
    baseline_bytes: float | None = None
    """Median of the baseline, summed over the same processes."""
    end_bytes: float | None = None
    processes: tuple[str, ...] = ()
    """There in the baseline and at the end: the figure is about these."""
    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()
    interrupted: tuple[str, ...] = ()
    """There in the baseline and at the end, but away in between: perhaps restarted, which hides growth."""
    leak: LeakTest | None = None


def growth(recording: Recording, baseline: Phase, recovery: Phase) -> Growth:
    """Growth from the baseline to the end of the recovery phase."""
    samples = series_by_process(recording)
    if not samples:
        return Growth(None, f"the probe {PROBE!r} gave no {VALUE}, so memory is not known")
    end_s = min(float(recovery.end_s), max(t[-1] for t, _ in samples.values()) + 1)
    start_s = end_s - max(LAST_SHARE * recovery.duration_s, MINIMUM_SAMPLES)
    if start_s < recovery.start_s:
        return Growth(None, f"fewer than {MINIMUM_SAMPLES} s of the recovery were sampled")
    first = {name for name, one in samples.items() if _present(one, baseline.start_s, baseline.end_s)}
    last = {name for name, one in samples.items() if _present(one, start_s, end_s)}
    came, went = tuple(sorted(last - first)), tuple(sorted(first - last))
    stayed = tuple(sorted(first & last))
    if not stayed:
        reason = "no process was sampled both in the baseline and at the end"
        return Growth(None, reason, came=came, went=went)
    before = _summed(samples, stayed, baseline.start_s, baseline.end_s)
    after = _summed(samples, stayed, start_s, end_s)
    interval = _interval(before, after)
    baseline_bytes, end_bytes = float(np.median(before)), float(np.median(after))
    steady_s = np.arange(recovery.start_s, math.floor(end_s), dtype=np.float64)
    return Growth(
        growth_bytes=end_bytes - baseline_bytes,
        reason="",
        interval_bytes=interval,
        baseline_bytes=baseline_bytes,
        end_bytes=end_bytes,
        processes=stayed,
        came=came,
        went=went,
        interrupted=tuple(
            name for name in stayed if _longest_gap_s(samples[name], baseline.start_s, end_s) > LARGEST_GAP_S
        ),
        leak=assess(steady_s, _summed(samples, stayed, recovery.start_s, end_s)),
    )


def series_by_process(recording: Recording) -> Mapping[str, tuple[FloatArray, FloatArray]]:
    """For each process: instants in seconds, increasing, and resident memory in bytes."""
    collected: dict[str, list[tuple[float, float]]] = {}
    for sample in recording.probes:
        if sample.probe == PROBE and VALUE in sample.values:
            collected.setdefault(sample.source, []).append((sample.t, sample.values[VALUE]))
    series = {}
    for source, pairs in collected.items():
        columns = np.array(sorted(pairs), dtype=np.float64)
        series[source] = (columns[:, 0], columns[:, 1])
    return series


def _present(one: tuple[FloatArray, FloatArray], start_s: float, end_s: float) -> bool:
    t, _ = one
    seconds = np.unique(np.floor(t[(t >= start_s) & (t < end_s)]))
    return len(seconds) >= PRESENT_SHARE * (end_s - start_s)


def _longest_gap_s(one: tuple[FloatArray, FloatArray], start_s: float, end_s: float) -> float:
    t, _ = one
    inner = t[(t >= start_s) & (t < end_s)]
    return float(np.diff(inner).max()) if len(inner) > 1 else math.inf


def _summed(
    samples: Mapping[str, tuple[FloatArray, FloatArray]], names: Sequence[str], start_s: float, end_s: float
) -> FloatArray:
    """Bytes of the named processes together, once a second; between samples on the straight line."""
    grid = np.arange(math.ceil(start_s), math.floor(end_s), dtype=np.float64)
    total = np.zeros(len(grid))
    for name in names:
        total += np.interp(grid, *samples[name])
    return total


def _interval(before: FloatArray, after: FloatArray) -> tuple[float, float]:
    """95 % interval of median(after) − median(before), both once a second, shape (seconds,)."""
    random = np.random.default_rng(SEED)
    differences = _medians(after, random) - _medians(before, random)
    return float(np.quantile(differences, 0.025)), float(np.quantile(differences, 0.975))


def _medians(series: FloatArray, random: np.random.Generator) -> FloatArray:
    """Medians of resamples made of blocks of about n^(1/3) consecutive values, shape (RESAMPLES,)."""
    n = len(series)
    length = max(1, round(n ** (1 / 3)))
    starts = random.integers(0, n - length + 1, size=(RESAMPLES, -(-n // length)))
    positions = (starts[:, :, None] + np.arange(length)).reshape(RESAMPLES, -1)[:, :n]
    return np.median(series[positions], axis=1)
