"""Memory that the target has gained: median of the last tenth of the recovery phase − median of the baseline.

Memory is summed over the processes that were there in the baseline *and* at the end. A process that came later brings
memory that is no growth, so it is left out and named. But a child that came and stays may be one that its parent has
forgotten: where more came than went, what they have for themselves is in the interval's upper end. The interval is a
moving-block bootstrap (Künsch 1989), because memory samples are strongly correlated.

A process that was restarted, or ended, begins afresh, and its growth is not forgotten: that of each *stretch* from one
start to the next counts, and they are added up. What a new process takes to warm up is no growth, so a later stretch
counts from the level of the baseline in the interval's lower end, and from where it began in the upper one; of a
stretch that ended, the lower end has only what it gained in the recovery, because it might have given back the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.lazy import FloatArray, np
from harness.analysis.processes import ProcessSeries, memory_together, processes
from harness.analysis.restarts import Restart, restarts, stretches
from harness.criteria.recovery._leak import LeakTest
from harness.criteria.recovery._leak_search import leak_in
from harness.recording import Recording
from harness.recording.header import Phase

LAST_SHARE = 0.1
MINIMUM_SAMPLES = 5
PRESENT_SHARE = 0.5
"""Share of the seconds of a stretch in which a process must have been sampled to count as present."""
EDGE_SAMPLES = 3
"""The level at which a stretch, or the run, began or ended is the median of so many samples."""
RESAMPLES = 2000
SEED = 20260314
LARGEST_GAP_S = 5.0
"""A process that was not readable for longer may have been restarted under the same name, unless its pid is known."""


@dataclass(frozen=True)
class MemoryGain:
    """Memory gained, in bytes, and the processes that the figure is about."""

    growth_bytes: float | None
    """None when there is too little to compare; ``reason`` says what."""
    reason: str
    interval_bytes: tuple[float, float] | None = None
    baseline_bytes: float | None = None
    """Median of the baseline, summed over the same processes."""
    end_bytes: float | None = None
    """Median at the end, summed over those that were there then."""
    lately_bytes: float = 0.0
    """By how much the last ``EDGE_SAMPLES`` are more than as many ever were in the baseline, of those that were there
    throughout. What rises in the last seconds is in no median of the last tenth.
    """
    processes: tuple[str, ...] = ()
    """There in the baseline and at the end: the figure is about these, and about what ``went`` had gained."""
    came: tuple[str, ...] = ()
    children_bytes: float = 0.0
    """What those of them have for themselves that are children, and more than went."""
    went: tuple[str, ...] = ()
    interrupted: tuple[str, ...] = ()
    """There in the baseline and at the end, but away in between: perhaps restarted, which hides growth."""
    restarts: tuple[Restart, ...] = ()
    """Of the processes that were there in the baseline."""
    leak: LeakTest | None = None
    """Of all processes that were there throughout, or of the stretch that looks most like a leak."""


def growth(recording: Recording, baseline: Phase, recovery: Phase) -> MemoryGain:
    """What was gained from the baseline to the end of the recovery phase."""
    samples = {name: one for name, one in processes(recording).items() if len(one.memory[0])}
    if not samples:
        return MemoryGain(None, "no probe read memory of the target's processes or containers, so it is not known")
    end_s = min(float(recovery.end_s), max(one.known_until_s for one in samples.values()) + 1)
    start_s = end_s - max(LAST_SHARE * recovery.duration_s, MINIMUM_SAMPLES)
    if start_s < recovery.start_s:
        return MemoryGain(None, f"fewer than {MINIMUM_SAMPLES} s of the recovery were sampled")
    first = {name for name, one in samples.items() if _present(one, baseline.start_s, baseline.end_s)}
    last = {name for name, one in samples.items() if _present(one, start_s, end_s)}
    came, went = tuple(sorted(last - first)), tuple(sorted(first - last))
    stayed = tuple(sorted(first & last))
    if not first:
        reason = "no process was sampled both in the baseline and at the end"
        return MemoryGain(None, reason, came=came, went=went)
    if late := _too_old(samples, stayed, recovery, end_s):
        return MemoryGain(None, late, came=came, went=went)
    anew = tuple(each for each in restarts(recording) if each.source in first and baseline.start_s <= each.t < end_s)
    cut = {each.source for each in anew}
    steady = [name for name in stayed if name not in cut]
    before = memory_together(samples, steady, baseline.start_s, baseline.end_s)
    after = memory_together(samples, steady, start_s, end_s)
    low, high = _interval(before, after) if steady else (0.0, 0.0)
    baseline_bytes, end_bytes = float(np.median(before)), float(np.median(after))
    growth_bytes = end_bytes - baseline_bytes
    children_bytes = _added_children_bytes(
        [samples[name] for name in came], [samples[name] for name in went], start_s, end_s
    )
    window = _Window(baseline, recovery, start_s, end_s)
    for name in (*(name for name in stayed if name in cut), *went):
        mine = [each for each in anew if each.source == name]
        gained = _over_stretches(samples[name], mine, window, name in stayed)
        growth_bytes, low, high = growth_bytes + gained.figure, low + gained.low, high + gained.high
        if name in stayed:
            baseline_bytes, end_bytes = baseline_bytes + gained.baseline, end_bytes + gained.end
    return MemoryGain(
        growth_bytes=growth_bytes,
        reason="",
        interval_bytes=(low, high + children_bytes),
        baseline_bytes=baseline_bytes,
        end_bytes=end_bytes,
        lately_bytes=_lately(before, after) if steady else 0.0,
        processes=stayed,
        came=came,
        children_bytes=children_bytes,
        went=went,
        interrupted=tuple(
            name
            for name in steady
            if not samples[name].is_identified
            and _longest_gap_s(samples[name], baseline.start_s, end_s) > LARGEST_GAP_S
        ),
        restarts=anew,
        leak=leak_in(recording, samples, steady, went, anew, recovery, end_s),
    )


def _added_children_bytes(
    came: Sequence[ProcessSeries], went: Sequence[ProcessSeries], start_s: float, end_s: float
) -> float:
    """One that took the place of another is none more; which of them did nobody knows, so the largest did not."""
    added_bytes = 0.0
    for root in {one.root for one in came if one.is_worker}:
        own_bytes = sorted(one.own_bytes(start_s, end_s) for one in came if one.is_worker and one.root == root)
        replaced = sum(one.is_worker and one.root == root for one in went)
        added_bytes += sum(own_bytes[replaced:])
    return added_bytes


def _too_old(samples: Mapping[str, ProcessSeries], names: Sequence[str], recovery: Phase, end_s: float) -> str:
    """Whose figures of the end are those of the first third of the recovery, or of before it, in words; empty where
    there are none.
    """
    known_s, name = min(((samples[name].memory_until_s(end_s), name) for name in names), default=(math.inf, ""))
    watched_s = end_s - recovery.start_s
    if known_s >= recovery.start_s + watched_s / 3:
        return ""
    age_s = end_s - known_s
    return (
        f"the newest figure of the memory of {name} is of {age_s:.0f} s before the end, as it is passed on late: a "
        f"{recovery.name} phase that is {math.ceil(1.5 * age_s - watched_s)} s longer would settle it"
    )


def _lately(before: FloatArray, after: FloatArray) -> float:
    usual = np.median(np.lib.stride_tricks.sliding_window_view(before, min(EDGE_SAMPLES, len(before))), axis=1)
    return float(np.median(after[-EDGE_SAMPLES:]) - usual.max())


@dataclass(frozen=True)
class _Window:
    baseline: Phase
    recovery: Phase
    start_s: float
    """Of the last tenth."""
    end_s: float


@dataclass(frozen=True)
class _Gained:
    figure: float
    low: float
    high: float
    baseline: float
    end: float


def _over_stretches(one: ProcessSeries, anew: Sequence[Restart], window: _Window, is_there: bool) -> _Gained:
    """What a process that was restarted or ended has gained, all its stretches together, in bytes. Where a restart is
    only possible, what it gained without any is possible as well.
    """
    base = float(np.median(one.between(window.baseline.start_s, window.baseline.end_s)[1]))
    end = float(np.median(one.between(window.start_s, window.end_s)[1])) if is_there else 0.0
    low = high = 0.0
    pieces = list(stretches(one, anew, window.baseline.start_s, window.end_s))
    for number, (t, memory_bytes) in enumerate(pieces):
        began = base if number == 0 else float(np.median(memory_bytes[:EDGE_SAMPLES]))
        if is_there and number == len(pieces) - 1:
            low += max(0.0, end - max(began, base))
            high += max(0.0, end - began, float(np.median(memory_bytes[-EDGE_SAMPLES:])) - began)
            continue
        ended = float(np.median(memory_bytes[-EDGE_SAMPLES:]))
        high += max(0.0, ended - began)
        steady = memory_bytes[t >= window.recovery.start_s]
        if len(steady) >= 2 * EDGE_SAMPLES:
            low += max(0.0, ended - max(float(np.median(steady[:EDGE_SAMPLES])), base))
    figure = low
    if is_there and not all(each.is_certain for each in anew):
        low, high = min(low, end - base), max(high, end - base)
    return _Gained(figure, low, max(figure, high), base, end)


def _present(one: ProcessSeries, start_s: float, end_s: float) -> bool:
    seconds = np.unique(np.floor(one.between(start_s, end_s)[0]))
    return len(seconds) >= PRESENT_SHARE * (end_s - start_s)


def _longest_gap_s(one: ProcessSeries, start_s: float, end_s: float) -> float:
    inner, _ = one.between(start_s, end_s)
    return float(np.diff(inner).max()) if len(inner) > 1 else math.inf


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
