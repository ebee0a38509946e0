"""Charts of what the probes saw: memory and CPU of the target, and how well the load generator itself did."""

from __future__ import annotations

import math

import numpy as np

from harness.recording import ProbeSample, Recording
from reports._charts import palette
from reports._charts.chart import Chart, Line, Values, lines_of, nothing
from reports._charts.windows import MOST_WINDOWS, by_value

GENERATOR = "generator"
RESIDENT, UNIQUE, CPU, LAG = "rss_bytes", "uss_bytes", "cpu_ratio", "loop_lag_s"
BRIDGED = 3
"""Windows without a sample over which the sum of the processes is carried on."""


def memory(recording: Recording) -> Chart:
    title, unit = "Memory of the target", "MB"
    times, size, named = _sampled(recording, RESIDENT, of_generator=False)
    if not named:
        return nothing("memory", title, unit, _why(recording, "memory", of_generator=False))
    named = {source: values / 1e6 for source, values in named.items()}
    total = () if len(named) == 1 else (Line("sum", _sum(named), palette.INK, width_px=2.4),)
    explanation = "Resident memory of each process, and of all of them together."
    return Chart("memory", title, unit, explanation, times, (*lines_of(by_value(named)), *total), window_s=size)


def cpu(recording: Recording) -> Chart:
    title, unit = "CPU of the target", "cores"
    times, size, named = _sampled(recording, CPU, of_generator=False)
    if not named:
        return nothing("cpu", title, unit, _why(recording, "CPU", of_generator=False))
    explanation = "Processor time of each process; 1 is one core, fully busy."
    return Chart("cpu", title, unit, explanation, times, lines_of(by_value(named)), window_s=size, at_least=1.0)


def generator_lag(recording: Recording) -> Chart:
    title, unit = "Load generator: event-loop lag", "ms"
    times, size, named = _sampled(recording, LAG, of_generator=True)
    if not named:
        return nothing("generator-lag", title, unit, _why(recording, "event-loop lag", of_generator=True))
    named = {source: values * 1e3 for source, values in named.items()}
    explanation = "How late each load process was to its own timers. A late generator measures itself."
    return Chart("generator-lag", title, unit, explanation, times, lines_of(by_value(named), summary="max"),
                 window_s=size)


def generator_cpu(recording: Recording) -> Chart:
    title, unit = "Load generator: CPU", "cores"
    times, size, named = _sampled(recording, CPU, of_generator=True)
    if not named:
        return nothing("generator-cpu", title, unit, _why(recording, "CPU", of_generator=True))
    explanation = "Processor time of each load process; near 1 it is the bottleneck, not the target."
    return Chart("generator-cpu", title, unit, explanation, times, lines_of(by_value(named)), window_s=size, at_least=1.0)


def _samples(recording: Recording, of_generator: bool) -> list[ProbeSample]:
    return [sample for sample in recording.probes if (sample.probe == GENERATOR) is of_generator]


def _sampled(recording: Recording, key: str, *, of_generator: bool) -> tuple[Values, float, dict[str, Values]]:
    """Window starts, their length, and the mean of one figure in each window, by source; NaN without a sample."""
    samples = [sample for sample in _samples(recording, of_generator) if math.isfinite(sample.values.get(key, math.nan))]
    if not samples:
        return np.empty(0), 1.0, {}
    start = math.floor(min(sample.t for sample in samples))
    span = math.floor(max(sample.t for sample in samples)) + 1 - start
    size = max(1, math.ceil(span / MOST_WINDOWS))
    length = math.ceil(span / size)
    probes = {sample.probe for sample in samples}
    sums: dict[str, Values] = {}
    counts: dict[str, Values] = {}
    for sample in samples:
        label = sample.source if len(probes) == 1 else f"{sample.source} ({sample.probe})"
        index = int((sample.t - start) // size)
        sums.setdefault(label, np.zeros(length))[index] += sample.values[key]
        counts.setdefault(label, np.zeros(length))[index] += 1
    times = start + size * np.arange(length, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return times, float(size), {label: sums[label] / counts[label] for label in sorted(sums)}


def _sum(named: dict[str, Values]) -> Values:
    """The sum, with short gaps of one process bridged: a late sample is no drop in memory."""
    bridged = [_bridged(values) for values in named.values()]
    total = np.nansum(bridged, axis=0)
    return np.where(np.isfinite(bridged).any(axis=0), total, np.nan)


def _bridged(values: Values) -> Values:
    filled = values.copy()
    last = -BRIDGED - 1
    for index, value in enumerate(values):
        if math.isfinite(value):
            last = index
        elif index - last <= BRIDGED:
            filled[index] = filled[index - 1]
    return filled


def _why(recording: Recording, what: str, *, of_generator: bool) -> str:
    samples = _samples(recording, of_generator)
    errors = sorted({sample.error for sample in samples if sample.error})
    if errors:
        return f"No {what} was read: {errors[0]}"
    if of_generator:
        return f"No load process reported its {what}."
    if samples:
        return f"The probes of this run read no {what}."
    return f"No probe watched the target, so its {what} is not known."
