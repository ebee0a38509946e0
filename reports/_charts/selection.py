"""The charts of a report over time, in the order of the page: cause first, then effect, then our own doubts."""

from __future__ import annotations

from harness.findings import Verdict
from harness.recording import Recording
from reports._charts import machines, traffic
from reports._charts.chart import Chart
from reports._charts.windows import windows


def charts(recording: Recording, verdict: Verdict) -> tuple[Chart, ...]:
    seen = windows(recording)
    return (
        traffic.load(recording, seen),
        traffic.throughput(seen),
        traffic.latency(seen, verdict),
        traffic.errors(seen),
        machines.memory(recording),
        machines.cpu(recording),
        machines.generator_lag(recording),
        machines.generator_cpu(recording),
    )
