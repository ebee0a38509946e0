"""Throttled containers: how much, when, and what of the latency that goes with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from harness.analysis import quota, time_series
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, ProbeSample, Recording
from harness.verdict import judge
from reports._charts import machines
from reports._charts.sampled import charts
from tests import recordings

LIMIT_CORES = 0.5
BY_DEFAULT = {"only_where_measured": True, "limit": 1.0}


def counted(
    throttled: Callable[[int], float], seconds: Iterable[int], source: str = "api1", every_s: int = 1
) -> list[ProbeSample]:
    """Ten periods a second, of which that share is throttled in the second before; read anew ``every_s``."""
    samples, periods, held_up = [], 0.0, 0.0
    for t in seconds:
        periods += 10
        held_up += 10 * throttled(t)
        if t % every_s == 0:
            values = {
                "cpu_limit_cores": LIMIT_CORES,
                "cpu_periods_total": periods,
                "cpu_throttled_periods_total": held_up,
                "cpu_throttled_s_total": held_up * 0.05,
                "cpu_ratio": 0.4,
                "memory_working_set_bytes": 1e8,
                "memory_limit_bytes": 2e8,
                "cpu_throttled_ratio": throttled(t),
            }
        samples.append(ProbeSample(t + 0.05, "docker_container", source, values))
    return samples


def with_samples(*samples: ProbeSample, recording: Recording | None = None) -> Recording:
    return dataclasses.replace(recording or recordings.slow(10), probes=samples)


def spike_and_end() -> tuple[int, int]:
    header = recordings.healthy().header
    spike = next(phase for phase in header.phases if phase.name == "spike")
    return spike.start_s, header.phases[-1].end_s


SPIKE_S, END_S = spike_and_end()


def test_whoever_counts_periods_and_throttled_ones_need_tell_no_more() -> None:
    bare = [
        ProbeSample(t, "cgroup", "api1", {"cpu_periods_total": 10.0 * t, "cpu_throttled_periods_total": 4.0 * t})
        for t in (0.0, 1.0, 2.0)
    ]
    untold = ProbeSample(3.0, "cgroup", "api1", {"cpu_periods_total": 30.0})
    (of,) = quota.quotas(with_samples(*bare, untold))
    assert (of.limit_cores, of.last_s, of.t.tolist()) == (None, 3.0, [0, 1, 2])
    assert list(of.shares(0, 2, 1)) == [(1.0, 0.4), (2.0, 0.4)]


def found(recording: Recording, **parameters: float) -> Finding:
    findings = judge(recording, [CriterionSpec("cpu_throttling", parameters)]).findings
    (one,) = (each for each in findings if each.kind == "cpu_throttling")
    return one


def in_the_spike(share: float, for_s: int = 10) -> Callable[[int], float]:
    return lambda t: share if SPIKE_S < t <= SPIKE_S + for_s else 0.0


@pytest.mark.parametrize("every_s", [1, 10])
def test_the_figure_is_the_share_of_the_worst_five_seconds(every_s: int) -> None:
    finding = found(with_samples(*counted(in_the_spike(0.8, 20), range(END_S + 1), every_s=every_s)))
    assert finding.figure == pytest.approx(0.8)
    assert finding.outcome is Outcome.FAIL
    assert "api1 had used up its quota of 0.5 cores in 80 % of the periods" in finding.reason


@pytest.mark.parametrize(("share", "outcome"), [(0.24, Outcome.PASS), (0.26, Outcome.FAIL)])
def test_both_sides_of_the_limit(share: float, outcome: Outcome) -> None:
    assert found(with_samples(*counted(in_the_spike(share), range(END_S + 1)))).outcome is outcome


def test_latency_is_told_apart_by_whether_the_quota_was_used_up() -> None:
    """By default it explains, and fails no run. The requests of these ten seconds took 0.4 s longer."""
    recording = with_samples(*counted(in_the_spike(0.9), range(END_S + 1)), recording=recordings.slow(10))
    finding = found(recording, **BY_DEFAULT)
    assert finding.outcome is Outcome.PASS
    then, otherwise = finding.evidence["p95 of what began then (s)"], finding.evidence["p95 of the rest (s)"]
    assert isinstance(then, float)
    assert isinstance(otherwise, float)
    assert then > 0.4 > otherwise
    assert "more CPU for it, or fewer threads in it, would tell whether that is why" in finding.reason
    assert finding.evidence["api1, throttled (s of CPU)"] == pytest.approx(10 * 9 * 0.05)


def test_throttling_before_the_spike_is_not_judged() -> None:
    finding = found(with_samples(*counted(lambda t: 0.9 if t < SPIKE_S - 5 else 0.0, range(END_S + 1))))
    assert (finding.outcome, finding.figure) == (Outcome.PASS, 0.0)
    assert "no quota was used up in any period" in finding.reason


def test_a_restart_begins_the_counters_anew() -> None:
    middle_s = (SPIKE_S + END_S) // 2
    samples = counted(lambda _: 0.1, range(middle_s)) + counted(lambda _: 0.1, range(middle_s, END_S + 1))
    assert found(with_samples(*samples)).figure == pytest.approx(0.1)


def test_without_a_quota_nothing_is_throttled_and_one_that_nobody_counted_proves_nothing() -> None:
    def bare(**values: float) -> list[ProbeSample]:
        return [ProbeSample(t, "p", "api1", {"memory_working_set_bytes": 1e8, **values}) for t in range(END_S)]

    free = found(with_samples(*bare(cpu_limit_cores=0.0)))
    assert (free.outcome, free.reason) == (Outcome.PASS, "none of api1 has a CPU quota")
    untold = found(with_samples(*bare()))
    assert (untold.outcome, untold.reason) == (
        Outcome.INCONCLUSIVE,
        "whether api1 has a CPU quota was not told: its probe gives no cpu_limit_cores",
    )
    beside = found(with_samples(*bare(), *counted(lambda _: 0.0, range(END_S + 1), "api2")))
    assert beside.outcome is Outcome.INCONCLUSIVE
    unknown = found(with_samples(*bare(cpu_limit_cores=2.0)))
    assert (unknown.outcome, unknown.reason) == (
        Outcome.INCONCLUSIVE,
        "api1 has a quota of 2 cores, and its periods were not counted",
    )
    both = found(with_samples(*bare(cpu_limit_cores=2.0), *counted(lambda _: 0.0, range(END_S + 1), "api2")))
    assert both.outcome is Outcome.INCONCLUSIVE


def test_who_could_not_be_read_any_more_proves_nothing() -> None:
    silent = found(with_samples(*counted(lambda _: 0.0, range(SPIKE_S + 5))))
    assert silent.outcome is Outcome.INCONCLUSIVE
    assert "api1 was not read after" in silent.reason
    assert found(with_samples()).outcome is Outcome.INCONCLUSIVE


def test_it_is_left_out_where_no_periods_were_counted() -> None:
    spec = CriterionSpec("cpu_throttling", BY_DEFAULT)
    for samples, kinds in ((counted(lambda _: 0.0, range(END_S + 1)), 1), ([], 0)):
        findings = judge(with_samples(*samples), [spec, CriterionSpec("error_ratio")]).findings
        assert sum(each.kind == "cpu_throttling" for each in findings) == kinds


def test_by_default_a_source_that_tells_of_no_quota_is_not_judged() -> None:
    untold = [ProbeSample(t, "p", "cache", {"memory_working_set_bytes": 1e8}) for t in range(END_S)]
    finding = found(with_samples(*untold, *counted(lambda _: 0.1, range(END_S + 1))), **BY_DEFAULT)
    assert finding.outcome is Outcome.PASS
    assert "cache" not in finding.reason


def test_a_container_without_a_quota_does_not_hide_the_limit_of_another() -> None:
    free = [ProbeSample(t, "p", "api2", {"cpu_ratio": 0.1, "cpu_limit_cores": 0.0}) for t in range(END_S)]
    recording = with_samples(*free, *counted(lambda _: 0.0, range(END_S + 1)))
    assert machines.cpu(recording, time_series.of(recording)).limit == ("limit of api1, 0.5 cores", 0.5)


def test_limits_are_lines_of_the_charts_and_throttling_is_a_chart() -> None:
    recording = with_samples(*counted(in_the_spike(0.9), range(END_S + 1)))
    series = time_series.of(recording)
    assert machines.memory(recording, series).limit == ("limit of api1, 200 MB", 200.0)
    assert machines.cpu(recording, series).limit == ("limit of api1, 0.5 cores", 0.5)
    assert [chart.title for chart in charts(series)] == ["docker_container: cpu_throttled_ratio"]


def test_a_limit_far_above_all_use_is_not_drawn() -> None:
    far = [
        dataclasses.replace(each, values={**each.values, "memory_limit_bytes": 24e9})
        for each in counted(lambda _: 0.0, range(END_S))
    ]
    recording = with_samples(*far)
    assert machines.memory(recording, time_series.of(recording)).limit is None


@pytest.mark.parametrize(
    ("limits", "least"), [((0.0, 2.0, 1.5), 1.5), ((0.0,), 0.0), ((), None), ((0.5, 0.0), 0.5)], ids=str
)
def test_of_several_quotas_the_least_holds_and_none_is_told_as_zero(
    limits: tuple[float, ...], least: float | None
) -> None:
    told = [ProbeSample(t, "p", "api2", {"cpu_limit_cores": each}) for t, each in enumerate(limits)]
    silent = ProbeSample(9, "p", "api2", {"memory_working_set_bytes": 1e6})
    assert quota._quota("api2", [*told, silent]).limit_cores == least


@pytest.mark.parametrize(
    ("start_s", "end_s", "at_s"), [(0, 5, [2, 4, 6]), (2, 5, [4, 6]), (3, 4.99, [4]), (6.01, 9, [])], ids=str
)
def test_shares_are_of_samples_in_a_stretch_up_to_a_second_after_it(
    start_s: float, end_s: float, at_s: list[float]
) -> None:
    """Sampled every two seconds, ten periods in each of which three were throttled."""
    t = np.array([0.0, 2.0, 4.0, 6.0])
    counted = quota.Quota("api", 1.0, 6.0, t, 10 * t, 3 * t, np.zeros(4))
    assert list(counted.shares(start_s, end_s, 2.0)) == [(each, pytest.approx(0.3)) for each in at_s]
    every = np.arange(7.0)
    each_second = quota.Quota("api", 1.0, 6.0, every, 10 * every, 3 * every, np.zeros(7))
    assert [t for t, _ in each_second.shares(2, 4, 1.0)] == [2, 3, 4, 5], "the one at its start is of the second before"
