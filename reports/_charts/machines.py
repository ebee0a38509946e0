"""Charts of what was sampled: memory and CPU of the target, how well the load generator itself did, and how much of the
machines was left to both.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from harness.analysis import machine, quota
from harness.analysis.generator import PROBE as GENERATOR
from harness.analysis.target_memory import LIMIT, memory_key
from harness.analysis.time_series import ProbeSeries, Series
from harness.recording import Recording
from reports._charts import palette
from reports._charts.chart import Chart, Line, Values, lines_of, nothing
from reports._charts.windows import MOST_WINDOWS, highest_valued

CPU, LAG = "cpu_ratio", "loop_lag_s"
OURS = frozenset({GENERATOR, machine.PROBE, machine.RUN_CPU})
"""Probes that do not look at the target."""
PRESSURES = {
    "CPU": "pressure_cpu_ratio",
    "CPU in our cgroup": "cgroup_pressure_cpu_ratio",
    "memory": "pressure_memory_ratio",
    "I/O": "pressure_io_ratio",
    "CPU quota used up": "throttled_ratio",
}
FAR_RATIO = 5.0
"""A limit that is further above the highest value would leave a flat line of it: the whole memory of a machine."""
BRIDGED = 3
"""Windows without a sample over which the sum of the processes is carried on."""


def memory(recording: Recording, series: Series) -> Chart:
    title, unit = "Memory of the target", "MB"
    found = [one for one in series.probes if one.key == memory_key(one.probe) and _is_asked(one.probe, False)]
    times, size, named = by_window(found)
    if not named:
        return nothing("memory", title, unit, _why(recording, "memory", of_generator=False))
    named = {source: values / 1e6 for source, values in named.items()}
    total = () if len(named) == 1 else (Line("sum", _sum(named), palette.INK, width_px=2.4),)
    explanation = "Resident memory of each process, working set of each container, and of all of them together."
    lines = (*lines_of(highest_valued(named)), *total)
    highest = max((float(one.value.max()) for one in found), default=0.0)
    limit = _limit(series, LIMIT, highest, 1e-6, unit)
    return Chart("memory", title, unit, explanation, times, lines, window_s=size, limit=limit)


def cpu(recording: Recording, series: Series) -> Chart:
    title, unit = "CPU of the target", "cores"
    times, size, named = _sampled(series, CPU, of_generator=False)
    if not named:
        return nothing("cpu", title, unit, _why(recording, "CPU", of_generator=False))
    explanation = "Processor time of each process or container; 1 is one core, fully busy."
    chart = _chart("cpu", title, unit, explanation, times, size, highest_valued(named))
    highest = max(float(np.nanmax(values)) for values in named.values())
    return dataclasses.replace(chart, limit=_limit(series, quota.LIMIT, highest, 1.0, unit))


def _limit(series: Series, key: str, highest: float, scale: float, unit: str) -> tuple[str, float] | None:
    """The least that any of them may have, as the line of a chart, unless it is far above all that it has."""
    of_probes = [(one.value[one.value > 0], one.source) for one in series.probes if one.key == key]  # 0 for none
    found = [(float(limits.min()), source) for limits, source in of_probes if limits.size]
    least, source = min(found, default=(math.inf, ""))
    if not 0 < least <= FAR_RATIO * highest:
        return None
    return f"limit of {source}, {least * scale:,.4g} {unit}", least * scale


def generator_lag(recording: Recording, series: Series) -> Chart:
    title, unit = "Load generator: event-loop lag", "ms"
    times, size, named = _sampled(series, LAG, of_generator=True)
    if not named:
        return nothing("generator-lag", title, unit, _why(recording, "event-loop lag", of_generator=True))
    named = {source: values * 1e3 for source, values in named.items()}
    explanation = "How late each load process was to its own timers. A late generator measures itself."
    return Chart(
        "generator-lag", title, unit, explanation, times, lines_of(highest_valued(named), summary="max"), window_s=size
    )


def generator_cpu(recording: Recording, series: Series) -> Chart:
    title, unit = "Load generator: CPU", "cores"
    times, size, named = _sampled(series, CPU, of_generator=True)
    if not named:
        return nothing("generator-cpu", title, unit, _why(recording, "CPU", of_generator=True))
    explanation = "Processor time of each load process; near 1 it is the bottleneck, not the target."
    return _chart("generator-cpu", title, unit, explanation, times, size, highest_valued(named))


def _sampled(series: Series, key: str, *, of_generator: bool) -> tuple[Values, float, dict[str, Values]]:
    """Window starts, their length, and the mean of one figure a window, by source; NaN without a sample."""
    return by_window([one for one in series.probes if one.key == key and _is_asked(one.probe, of_generator)])


def _is_asked(probe: str, of_generator: bool) -> bool:
    return probe == GENERATOR if of_generator else probe not in OURS


def machine_cpu(recording: Recording) -> Chart:
    title, unit = "Machines: CPU", "cores"
    found: list[ProbeSeries] = []
    several = len(sampled := machine.machines(recording)) > 1
    for each in sampled:
        figures = {"all processes": each.busy_cores, "others than the run": np.maximum(0.0, each.others_cores)}
        figures["stolen by the hypervisor"] = each.steal_cores
        name = f", {machine.source(each.number)}" if several else ""
        found += [
            ProbeSeries(machine.PROBE, f"{label}{name}", label, each.t[known], values[known])
            for label, values in figures.items()
            if (known := np.isfinite(values)).any()
        ]
    times, size, named = by_window(found)
    if not named:
        return nothing("machine-cpu", title, unit, "No load process sampled its machine.")
    cpus = ", ".join(f"{each.cpus[-1]:.0f}" for each in sampled)
    explanation = f"Processor time of everything on the machine ({cpus} CPUs), and what of it others than the run took."
    return _chart("machine-cpu", title, unit, explanation, times, size, named)


def machine_pressure(series: Series) -> Chart:
    title, unit = "Machines: waiting for CPU, memory and I/O", "%"
    several = len({one.source for one in series.probes if one.probe == machine.PROBE}) > 1
    found = [
        ProbeSeries(one.probe, f"{label}, {one.source}" if several else label, one.key, one.t, one.value * 100)
        for label, key in PRESSURES.items()
        for one in series.probe(machine.PROBE, key)
    ]
    times, size, named = by_window(found)
    if not named:
        return nothing(
            "machine-pressure", title, unit, "No machine of this run tells of pressure (Linux with PSI does)."
        )
    explanation = "Share of the time in which somebody on the machine, whoever it was, had to wait for it."
    return _chart("machine-pressure", title, unit, explanation, times, size, highest_valued(named))


def _chart(
    name: str, title: str, unit: str, explanation: str, times: Values, size_s: float, named: dict[str, Values]
) -> Chart:
    """One whose scale goes to 1 at least, so that next to nothing looks like it."""
    return Chart(name, title, unit, explanation, times, lines_of(named), window_s=size_s, at_least=1.0)


def by_window(found: list[ProbeSeries]) -> tuple[Values, float, dict[str, Values]]:
    """Window starts, their length, and the mean a window of each of these, by source; NaN without a sample."""
    if not found:
        return np.empty(0), 1.0, {}
    start = math.floor(min(float(one.t[0]) for one in found))
    span = math.floor(max(float(one.t[-1]) for one in found)) + 1 - start
    size = max(1, math.ceil(span / MOST_WINDOWS))
    length = math.ceil(span / size)
    several = len({one.probe for one in found}) > 1
    named: dict[str, Values] = {}
    for one in found:
        indexes = ((one.t - start) // size).astype(np.int64)
        counts = np.bincount(indexes, minlength=length)
        sums = np.bincount(indexes, weights=one.value, minlength=length)
        label = f"{one.source} ({one.probe})" if several else one.source
        named[label] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return start + size * np.arange(length, dtype=np.float64), float(size), named


def _sum(named: dict[str, Values]) -> Values:
    """The sum, with short gaps of one process bridged: a late sample is no drop in memory or in a rate."""
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
    samples = [sample for sample in recording.probes if _is_asked(sample.probe, of_generator)]
    errors = sorted({sample.error for sample in samples if sample.error})
    if errors:
        return f"No {what} was read: {errors[0]}"
    if of_generator:
        return f"No load process reported its {what}."
    if samples:
        return f"The probes of this run read no {what}."
    return f"No probe watched the target, so its {what} is not known."
