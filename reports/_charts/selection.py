"""The charts of a report over time, in the order of the page: cause, effect, then our own doubts."""

from __future__ import annotations

from harness.analysis import time_series
from harness.findings import Verdict
from harness.recording import Recording
from reports._charts import machines, sampled, traffic
from reports._charts.chart import Chart
from reports._charts.windows import windows


def charts(recording: Recording, verdict: Verdict) -> tuple[Chart, ...]:
    run = time_series.of(recording)
    seen = windows(run)
    return (
        traffic.load(recording, seen),
        traffic.by_name(seen),
        traffic.throughput(recording),
        traffic.latency(seen, verdict),
        traffic.errors(seen),
        machines.memory(recording, run),
        machines.cpu(recording, run),
        *sampled.charts(run),
        machines.generator_lag(recording, run),
        machines.generator_cpu(recording, run),
        machines.machine_cpu(recording),
        machines.machine_pressure(run),
    )
