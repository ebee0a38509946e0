"""Charts of whatever else the probes read: pools, breakers, replicas, queues, each figure on the run's time axis."""

from __future__ import annotations

import numpy as np

from harness.analysis import quota
from harness.analysis.target_memory import LIMIT, RESIDENT, WORKING_SET
from harness.analysis.time_series import ProbeSeries, Series
from reports._charts import machines
from reports._charts.chart import Chart, Values, lines_of
from reports._charts.windows import highest_valued

MOST = 10
"""Charts; a metrics page may have hundreds of figures."""
OF_PROCESSES = frozenset(
    {
        RESIDENT,
        "uss_bytes",
        machines.CPU,
        "threads",
        "open_fds",
        "pid",
        "create_time_s",
        "executions",
        LIMIT,
        "oom_kills",
    }
)
"""Memory and CPU have charts of their own; the rest is for who looks into the recording."""
OF_CONTAINERS = frozenset(
    {WORKING_SET, quota.LIMIT, *quota.COUNTERS, "processes", "restarts", "running", "exit_code", "oom_killed"}
)
"""The same of a probe that tells of working sets."""
COUNTERS = ("_total", "_count", "_sum")
UNITS = {"_bytes": "bytes", "_seconds": "s", "_s": "s", "_ms": "ms", "_ratio": "ratio"}


def charts(series: Series) -> tuple[Chart, ...]:
    """One chart for each figure that changed while the run went; counters as their rate. Empty without any."""
    figures: dict[tuple[str, str], list[ProbeSeries]] = {}
    of_containers = {one.probe for one in series.probes if one.key == WORKING_SET}
    for one in series.probes:
        if one.probe in of_containers and one.key in OF_CONTAINERS:
            continue
        if one.probe not in machines.OURS and one.key not in OF_PROCESSES:
            figures.setdefault((one.probe, one.key), []).append(one)
    changing = {
        figure: found for figure, found in figures.items() if any(np.ptp(one.value) > 0 for one in found if one.t.size)
    }
    left_out = len(changing) - MOST
    made = []
    for number, ((probe, key), found) in enumerate(list(changing.items())[:MOST]):
        more = f" {left_out} more figures that changed are only in the recording." if number == MOST - 1 else ""
        made.append(_chart(f"sampled-{number}", probe, key, found, more if left_out > 0 else ""))
    return tuple(made)


def _chart(identity: str, probe: str, key: str, found: list[ProbeSeries], more: str) -> Chart:
    name = key.partition("{")[0]
    is_counter = name.endswith(COUNTERS)
    unit = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")
    if is_counter:
        unit, found = "per second", [_rate(one) for one in found]
    times_s, size_s, named = machines.by_window(found)
    text = "how fast the counter rose" if is_counter else "as it was sampled"
    return Chart(
        identity,
        f"{probe}: {key}",
        unit or "number",
        f"What the probe {probe} read, {text}.{more}",
        times_s,
        lines_of(highest_valued(named)),
        window_s=size_s,
    )


def _rate(one: ProbeSeries) -> ProbeSeries:
    """Rise per second since the sample before; a counter that fell was started afresh, and its rise is not known."""
    if one.t.size < 2:
        return one
    rise: Values = np.diff(one.value) / np.maximum(np.diff(one.t), 1e-9)
    return ProbeSeries(one.probe, one.source, one.key, one.t[1:], np.where(rise < 0, np.nan, rise))
