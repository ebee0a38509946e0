"""Several runs over one time axis that begins with the spike: charts with one line a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis import time_series
from harness.analysis.answers import answers
from harness.recording import Recording
from harness.recording.header import Phase
from reports import _quantity
from reports._charts import palette
from reports._charts.chart import Chart, Line, Values, nothing
from reports._charts.timeline import SPIKE, Timeline

LONGEST_S = 3600
FAINT = 0.6
"""Lines of many runs."""


@dataclass(frozen=True)
class Overlaid:
    """One run among others."""

    label: str
    colour: str
    recording: Recording
    series: time_series.Series

    @property
    def spike_s(self) -> int:
        """When its spike began; where no phase is called so, its second phase; else the origin."""
        phases = self.recording.header.phases
        found = self.recording.phase(SPIKE) or (phases[1] if len(phases) > 1 else None)
        return found.start_s if found is not None else 0


def overlaid(groups: Mapping[str, Sequence[tuple[str, Recording]]]) -> tuple[Overlaid, ...]:
    """The runs of each group, (name, recording), in a colour of their own."""
    return tuple(
        Overlaid(f"{group}: {name}", palette.CYCLE[place % len(palette.CYCLE)], run, time_series.of(run))
        for place, (group, runs) in enumerate(groups.items())
        for name, run in runs
    )


def timeline(runs: Sequence[Overlaid]) -> Timeline:
    """Zero is the begin of the spike. The phases are those of the first run."""
    drawn = [run for run in runs if len(run.series.t)]
    if not drawn:
        return Timeline(0, 0, (), ())
    start_s = float(min(run.series.t[0] - run.spike_s for run in drawn))
    end_s = min(start_s + LONGEST_S, float(max(run.series.t[-1] + 1 - run.spike_s for run in drawn)))
    zero = runs[0].spike_s
    phases = [phase for phase in runs[0].recording.header.phases if phase.duration_s > 0]
    shifted = tuple(Phase(phase.name, phase.start_s - zero, phase.end_s - zero) for phase in phases)
    return Timeline(start_s, end_s, shifted, ())


def charts(runs: Sequence[Overlaid], axis: Timeline) -> tuple[Chart, ...]:
    times_s = np.arange(int(axis.start_s), int(axis.end_s), dtype=np.float64)

    def lines(of: Callable[[Overlaid], tuple[NDArray[Any], NDArray[Any]]]) -> tuple[Line, ...]:
        faint = 1.0 if len(runs) <= 2 else FAINT
        return tuple(Line(run.label, _placed(times_s, run, *of(run)), run.colour, alpha=faint) for run in runs)

    return (
        _drawn(
            Chart(
                "p95",
                "p95 latency from the intended start",
                "ms",
                "Of the requests answered ok, by the second in which they should have begun.",
                times_s,
                lines(lambda run: (run.series.t, run.series.requests.p95_s * 1e3)),
                axis="p95 latency",
                tick=lambda ms: _quantity.quantity(ms, "ms"),
            ),
            "No request was answered ok.",
        ),
        _drawn(
            Chart(
                "good",
                "Good answers",
                "answers/s",
                "By the second in which they came.",
                times_s,
                lines(lambda run: (answers(run.recording).t, answers(run.recording).ok)),
            ),
            "No request was answered ok.",
        ),
        _drawn(
            Chart(
                "failed",
                "Failed requests",
                "failed/s",
                "By the second of their intended start.",
                times_s,
                lines(lambda run: (run.series.t, run.series.requests.intended - run.series.requests.ok)),
            ),
            "None: all requests were ok.",
        ),
    )


def _placed(times_s: Values, run: Overlaid, t: NDArray[Any], values: NDArray[Any]) -> Values:
    """On the common axis, NaN where the run has nothing."""
    places = (t - run.spike_s - times_s[0]).astype(np.int64)
    inside = (places >= 0) & (places < len(times_s))
    placed: Values = np.full(len(times_s), np.nan)
    placed[places[inside]] = values[inside]
    return placed


def _drawn(chart: Chart, otherwise: str) -> Chart:
    values = np.concatenate([line.values for line in chart.lines])
    if np.any(np.isfinite(values) & (values > 0)):
        return chart
    return nothing(chart.identity, chart.title, chart.unit, otherwise)
