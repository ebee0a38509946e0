"""Whatever a probe read is drawn on the run's time axis, if it changed."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from harness.analysis import time_series
from harness.recording import ProbeSample
from reports import html
from reports._charts import sampled
from reports._charts.chart import Chart
from tests import recordings
from tests.reports import runs


def charts(**figures: list[float]) -> dict[str, Chart]:
    """The charts of a probe with these figures, one value a second."""
    length = max(map(len, figures.values()))
    samples = tuple(
        ProbeSample(t + 0.5, "prometheus", "127.0.0.1:1", {key: values[t] for key, values in figures.items()})
        for t in range(length)
    )
    run = dataclasses.replace(recordings.healthy(), probes=samples)
    found = sampled.charts(time_series.of(run))
    assert all(chart.title.startswith("prometheus: ") for chart in found), "a figure alone tells nobody whose it is"
    return {chart.title.removeprefix("prometheus: "): chart for chart in found}


def test_a_figure_that_changed_has_a_chart_and_one_that_did_not_has_none() -> None:
    found = charts(pool_in_use=[1, 5, 2], pool_size=[8, 8, 8])
    assert list(found) == ["pool_in_use"]
    assert found["pool_in_use"].lines[0].values.tolist() == [1, 5, 2]


def test_a_counter_is_drawn_as_its_rate_and_a_fresh_start_is_a_gap() -> None:
    (line,) = charts(calls_total=[10, 30, 60, 0, 5])["calls_total"].lines
    assert np.array_equal(line.values, [20, 30, math.nan, 5], equal_nan=True)


def test_the_unit_is_that_of_the_name() -> None:
    found = charts(wait_seconds=[1, 2], kept_bytes=[1, 2], calls_total=[1, 3], ready=[1, 2])
    units = {title: chart.unit for title, chart in found.items()}
    assert units == {"wait_seconds": "s", "kept_bytes": "bytes", "ready": "number", "calls_total": "per second"}


def test_of_too_many_figures_the_rest_is_counted() -> None:
    found = charts(**{f"figure_{number:02}": [0.0, 1.0] for number in range(sampled.MOST + 3)})
    assert len(found) == sampled.MOST
    assert "3 more figures" in list(found.values())[-1].explanation


def test_the_report_has_them_between_the_target_and_the_generator() -> None:
    run = recordings.healthy()
    extra = tuple(ProbeSample(t + 0.5, "prometheus", "a", {"pool_in_use": float(t % 3)}) for t in range(30))
    run = dataclasses.replace(run, probes=(*run.probes, *extra))
    page = html.render(run, runs.verdict(run))
    places = [page.index(f'id="{identity}-title"') for identity in ("cpu", "sampled-0", "generator-lag")]
    assert places == sorted(places)
