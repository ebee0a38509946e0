"""Every chart of a run holds what its recording holds: same sums, same seconds, no effect before its cause."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from harness.analysis import histogram, phases
from harness.analysis.answers import answers
from harness.analysis.generator import PROBE as GENERATOR
from harness.analysis.histogram import bucket_index
from harness.recording import Recording, Slice
from harness.recording.marks import GateMark
from harness.recording.values import OK, UNSERVED
from harness.verdict import judge
from reports._charts import selection
from reports._charts.chart import Chart
from tests import recordings
from tests.pure.test_kept_recordings import VERDICTS, kept
from tests.reports import runs

RUNS: dict[str, Callable[[], Recording]] = {
    **{name: lambda name=name: kept(name) for name in VERDICTS},  # type: ignore[misc]
    **{name: lambda name=name: runs.judged(name)[0] for name in ("healthy", "failing", "no end", "lost node")},  # type: ignore[misc]
    "random": lambda: recordings.login_herd(poisson=True, slow_for_s=5),
    "many of everything": lambda: runs.judged("many of everything")[0],
}


@cache
def charts(name: str) -> dict[str, Chart]:
    run = RUNS[name]()
    return {chart.identity: chart for chart in selection.charts(run, judge(run))}


def by_second(chart: Chart) -> dict[int, float]:
    """Areas added up; charts of up to an hour have a value a second."""
    assert chart.window_s == 1
    areas = [np.nan_to_num(line.values) for line in chart.lines if line.area]
    values = np.sum(areas, axis=0) if areas else np.zeros(len(chart.times_s))
    return {int(t): float(value) for t, value in zip(chart.times_s, values, strict=True) if value}


def counted(run: Recording, which: Callable[[Slice], bool]) -> dict[int, float]:
    counts: Counter[int] = Counter()
    for piece in run.slices:
        if which(piece):
            counts[piece.t] += piece.count
    return {t: float(count) for t, count in counts.items() if count}


@pytest.mark.parametrize("name", RUNS)
def test_load_and_errors_are_those_of_each_second(name: str) -> None:
    run = RUNS[name]()
    assert by_second(charts(name)["by-name"]) == pytest.approx(counted(run, lambda _: True))
    assert by_second(charts(name)["errors"]) == pytest.approx(counted(run, lambda piece: piece.outcome != OK))


@pytest.mark.parametrize("name", RUNS)
def test_the_load_is_of_starts_so_that_it_can_be_compared_with_the_plan(name: str) -> None:
    """An iteration may make several requests; a start that found no user is not made."""
    made: Counter[int] = Counter()
    unserved: Counter[int] = Counter()
    for piece in RUNS[name]().slices:
        if piece.outcome == UNSERVED:
            unserved[piece.t] += piece.count
        else:
            made[piece.t] += piece.count if piece.starts is None else piece.starts
    lines = {
        line.label: dict(zip(charts(name)["load"].times_s, line.values, strict=True))
        for line in charts(name)["load"].lines
    }
    for label, counted_s in (("made", made), ("due, but no user was free", unserved)):
        shown = {int(t): value for t, value in lines.get(label, {}).items() if value}
        assert shown == pytest.approx({t: count for t, count in counted_s.items() if count})


@pytest.mark.parametrize("name", RUNS)
def test_latency_is_that_of_each_second(name: str) -> None:
    """Counted again, one answer after the other."""
    values: dict[int, list[float]] = defaultdict(list)
    for piece in RUNS[name]().slices:
        if piece.outcome == OK and not phases.is_good_instant(piece):
            for index, count in piece.latency.items():
                values[piece.t] += [histogram.bucket_bounds_us(index)[1] / 1e3] * count
    chart = charts(name)["latency"]
    for line in chart.lines:
        share = float(line.label.removeprefix("p")) / 100
        for t, shown in zip(chart.times_s, line.values, strict=True):
            found = sorted(values[int(t)])
            if not found:
                assert math.isnan(shown)
            else:
                assert shown == pytest.approx(found[max(1, math.ceil(share * len(found) - 1e-9)) - 1])


@pytest.mark.parametrize("name", RUNS)
def test_no_answer_is_drawn_before_its_request_and_none_is_lost(name: str) -> None:
    run, chart = RUNS[name](), charts(name)["throughput"]
    ok = sum(histogram.total(piece.latency) for piece in run.slices if piece.outcome == OK)
    failed = sum(histogram.total(piece.latency) for piece in run.slices if piece.outcome != OK)
    totals = [float(line.values.sum()) for line in chart.lines] or [0, 0]
    assert totals == pytest.approx([ok, failed])
    asked, came = counted(run, lambda _: True), by_second(chart)
    seconds = range(min([*asked, *came], default=0), max([*asked, *came], default=0) + 1)
    outstanding = 0.0
    for t in seconds:
        outstanding += asked.get(t, 0) - came.get(t, 0)
        assert outstanding > -1e-6, f"more answers than requests by the end of second {t}"


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize(
    ("identity", "key", "scale", "of_generator"),
    [
        ("memory", "rss_bytes", 1e-6, False),
        ("cpu", "cpu_ratio", 1, False),
        ("generator-lag", "loop_lag_s", 1e3, True),
        ("generator-cpu", "cpu_ratio", 1, True),
    ],
)
def test_what_was_sampled_is_drawn_in_the_second_of_its_sample(
    name: str, identity: str, key: str, scale: float, of_generator: bool
) -> None:
    sampled: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in RUNS[name]().probes:
        if key in sample.values and (sample.probe == GENERATOR) is of_generator:
            sampled[sample.source][math.floor(sample.t)].append(sample.values[key] * scale)
    chart = charts(name)[identity]
    lines = [line for line in chart.lines if line.label in sampled]
    assert bool(lines) == bool(sampled)
    for line in lines:
        shown = {int(t): v for t, v in zip(chart.times_s, line.values, strict=True) if math.isfinite(v)}
        assert shown == pytest.approx({t: sum(v) / len(v) for t, v in sampled[line.label].items()})


def herd(latency_s: float, at_s: float = 30.0) -> Recording:
    run = recordings.healthy()
    piece = Slice(int(at_s), "w", "POST /", OK, 100, 0, {bucket_index(int(latency_s * 1e6)): 100})
    mark = GateMark(at_s, "w", "herd", 100, (10,) * 100, 0.0)
    return dataclasses.replace(run, slices=(piece,), marks=(mark,))


@pytest.mark.parametrize(("at_s", "latency_s", "second"), [(30.0, 0.01, 30), (30.0, 1.5, 31), (30.75, 0.5, 31)])
def test_answers_to_a_herd_stand_in_the_very_second_in_which_they_came(
    at_s: float, latency_s: float, second: int
) -> None:
    found = answers(herd(latency_s, at_s))
    assert dict(zip(found.t.tolist(), found.ok.tolist(), strict=True)) == {second: 100.0}


def test_answers_to_requests_of_a_whole_second_are_shared_by_two() -> None:
    found = answers(dataclasses.replace(herd(0.25), marks=()))
    assert dict(zip(found.t.tolist(), found.ok.tolist(), strict=True)) == pytest.approx({30: 75, 31: 25}, rel=0.01)
