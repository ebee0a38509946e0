"""Memory growth: known leaks, and processes that come and go."""

from __future__ import annotations

import dataclasses

import pytest

from harness.criteria.recovery._memory import Growth, growth
from harness.findings import Finding, Outcome
from harness.recording import ProbeSample, Recording
from harness.recording_header import CriterionSpec
from harness.verdict import judge
from tests.recordings import MEGABYTE, healthy, leaking, login_herd


def measured(run: Recording) -> Growth:
    baseline, recovery = run.phase("baseline"), run.phase("recovery")
    assert baseline is not None
    assert recovery is not None
    return growth(run, baseline, recovery)


def finding(run: Recording) -> Finding:
    return next(f for f in judge(run, [CriterionSpec("memory_growth")]).findings if f.criterion == "memory_growth")


def with_process(run: Recording, name: str, start_s: int, end_s: int, rss_bytes: float) -> Recording:
    samples = tuple(ProbeSample(t + 0.1, "process", name, {"rss_bytes": rss_bytes}) for t in range(start_s, end_s))
    return dataclasses.replace(run, probes=run.probes + samples)


@pytest.mark.parametrize("leak_mb", [0, 50, 150, 400])
def test_a_leak_is_measured_within_two_percent(leak_mb: int) -> None:
    for seed in range(10):
        found = measured(leaking(leak_mb * MEGABYTE, seed))
        assert found.growth_bytes == pytest.approx(leak_mb * MEGABYTE, rel=0.02, abs=200_000)


def test_memory_that_is_given_back_is_no_growth() -> None:
    found = measured(login_herd(herd_memory_bytes=500 * MEGABYTE))
    assert found.growth_bytes == pytest.approx(0, abs=MEGABYTE)


def test_memory_that_shrank_is_told_as_less() -> None:
    run = leaking(-10 * MEGABYTE)
    assert " MB less than the " in finding(run).reason and "-" not in finding(run).reason.partition(",")[0]


def test_a_process_that_comes_is_named_and_no_growth() -> None:
    run = with_process(healthy(), "api3", 50, 91, 300 * MEGABYTE)
    found = measured(run)
    assert found.came == ("api3",)
    assert found.processes == ("api1", "api2", "postgres")
    assert found.growth_bytes == pytest.approx(0, abs=MEGABYTE)
    assert finding(run).outcome is Outcome.PASS
    assert "1 that came later" in finding(run).reason


def test_a_process_that_goes_allows_no_pass() -> None:
    run = with_process(healthy(), "api3", 0, 45, 300 * MEGABYTE)
    assert measured(run).went == ("api3",)
    found = finding(run)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "api3" in found.reason


def test_a_process_that_goes_does_not_hide_the_leak_of_another() -> None:
    assert finding(with_process(leaking(), "api3", 0, 45, 300 * MEGABYTE)).outcome is Outcome.FAIL


def test_a_process_that_was_away_for_a_while_may_have_been_restarted() -> None:
    run = healthy()
    kept = tuple(s for s in run.probes if not (s.source == "api1" and 35 <= s.t < 45))
    found = finding(dataclasses.replace(run, probes=kept))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.evidence["interrupted"] == "api1"


def test_a_silent_probe_is_inconclusive() -> None:
    run = healthy()
    silent = tuple(s for s in run.probes if s.probe != "process")
    failed = ProbeSample(5, "process", "api1", {}, "no such process")
    for probes in (silent, (*silent, failed)):
        found = finding(dataclasses.replace(run, probes=probes))
        assert found.outcome is Outcome.INCONCLUSIVE
        assert "'process' gave no rss_bytes" in found.reason


def test_missing_samples_here_and_there_do_no_harm() -> None:
    run = leaking(150 * MEGABYTE)
    thin = tuple(s for number, s in enumerate(run.probes) if number % 7)
    assert measured(dataclasses.replace(run, probes=thin)).growth_bytes == pytest.approx(150 * MEGABYTE, rel=0.02)


def test_the_run_that_broke_off_before_the_end_of_the_recovery_is_compared_where_it_stopped() -> None:
    found = measured(login_herd(leak_bytes=400 * MEGABYTE, cut_off_at_s=50))
    assert found.growth_bytes == pytest.approx(400 * MEGABYTE, rel=0.05)
