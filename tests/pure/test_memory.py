"""Memory growth: known leaks, and processes that come and go."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from harness.criteria.recovery._memory import MemoryGain, growth
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, ProbeSample, Recording
from harness.verdict import judge
from tests.calibration.memory import RECOVERY_S
from tests.calibration.memory import recording as simulated
from tests.recordings import MEGABYTE, healthy, leaking, login_herd


def measured(run: Recording) -> MemoryGain:
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


@pytest.mark.parametrize(("age_s", "is_known"), [(0, True), (39, True), (42, False), (70, False)])
def test_figures_that_are_passed_on_late_say_nothing_of_the_end(age_s: float, is_known: bool) -> None:
    """A target that has doubled its memory in the spike is shown as it was before, to the end of the run."""
    run = healthy()
    probes = tuple(
        dataclasses.replace(s, values={**s.values, "memory_age_s": age_s}) if s.source == "api1" else s
        for s in run.probes
    )
    found = finding(dataclasses.replace(run, probes=probes))
    assert (found.outcome is Outcome.PASS) is is_known
    longer_s = math.ceil(1.5 * (age_s + 0.9) - 60)
    told = (
        f"the newest figure of the memory of api1 is of {age_s + 0.9:.0f} s before the end, as it is passed on late: "
    )
    assert found.reason.startswith(told + f"a recovery phase that is {longer_s} s longer") is not is_known


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


@pytest.mark.parametrize(
    ("missing_s", "outcome"), [(4, Outcome.PASS), (5, Outcome.INCONCLUSIVE), (8, Outcome.INCONCLUSIVE)]
)
def test_a_process_may_be_away_for_five_seconds(missing_s: int, outcome: Outcome) -> None:
    """From one sample to the next: so many missing are a second more."""
    run = healthy()
    kept = tuple(s for s in run.probes if not (s.source == "api1" and 40 <= s.t < 40 + missing_s))
    found = finding(dataclasses.replace(run, probes=kept))
    assert found.outcome is outcome
    assert found.evidence.get("interrupted") == (None if outcome is Outcome.PASS else "api1")


def test_a_silent_probe_is_inconclusive() -> None:
    run = healthy()
    silent = tuple(s for s in run.probes if s.probe != "process")
    failed = ProbeSample(5, "process", "api1", {}, "no such process")
    for probes in (silent, (*silent, failed)):
        found = finding(dataclasses.replace(run, probes=probes))
        assert found.outcome is Outcome.INCONCLUSIVE
        assert found.reason.startswith("no probe read memory of the target's processes or containers")


def test_missing_samples_here_and_there_do_no_harm() -> None:
    run = leaking(150 * MEGABYTE)
    thin = tuple(s for number, s in enumerate(run.probes) if number % 7)
    assert measured(dataclasses.replace(run, probes=thin)).growth_bytes == pytest.approx(150 * MEGABYTE, rel=0.02)


def test_the_run_that_broke_off_before_the_end_of_the_recovery_is_compared_where_it_stopped() -> None:
    found = measured(login_herd(leak_bytes=400 * MEGABYTE, cut_off_at_s=50))
    assert found.growth_bytes == pytest.approx(400 * MEGABYTE, rel=0.05)


MINUTE_S = 60
SECONDS = np.arange(RECOVERY_S + MINUTE_S, dtype=np.float64)
QUIET = 50_000 * np.random.default_rng(1).standard_normal(len(SECONDS))


def restarted(*starts: int, per_s_bytes: float = 20e6, with_pids: bool = True, missing_s: int = 2) -> Recording:
    """One process of 100 MB that gains so much a second from the recovery on, or since its last start."""
    began = np.max([np.where(start <= SECONDS, float(start), RECOVERY_S) for start in (RECOVERY_S, *starts)], 0)
    memory_bytes = 100e6 + QUIET + per_s_bytes * np.maximum(0, SECONDS - began)
    for start in starts:
        memory_bytes[start - missing_s : start] = np.nan
    return simulated({"api": memory_bytes}, starts={"api": starts} if with_pids else None)


@pytest.mark.parametrize("starts", [(), (82,), (45,), (89,), (46, 61, 76), (40, 43, 46, 49, 52, 55, 58)])
def test_a_restart_does_not_hide_a_leak(starts: tuple[int, ...]) -> None:
    found = finding(restarted(*starts))
    assert found.outcome is Outcome.FAIL
    assert found.figure is not None and found.figure > 600 * MEGABYTE
    assert ("added up: api at" in found.reason) == bool(starts)


@pytest.mark.parametrize("starts", [(82,), (60,), (89,), (46, 61, 76)])
def test_without_pids_memory_that_falls_at_once_allows_no_pass(starts: tuple[int, ...]) -> None:
    found = finding(restarted(*starts, with_pids=False))
    assert found.outcome is not Outcome.PASS
    assert "possibly api at" in found.reason and "memory fell from" in found.reason


def test_with_a_pid_memory_that_falls_at_once_is_given_back() -> None:
    """A collector, or malloc_trim: the same process all along."""
    memory_bytes = 100e6 + QUIET + 15e6 * (SECONDS % 20) * (SECONDS >= RECOVERY_S) * (SECONDS < 80)
    assert finding(simulated({"api": memory_bytes}, starts={})).outcome is Outcome.PASS
    assert finding(simulated({"api": memory_bytes})).outcome is Outcome.INCONCLUSIVE


def test_a_restart_without_a_drop_is_one() -> None:
    memory_bytes = 100e6 + QUIET
    found = finding(simulated({"api": memory_bytes}, starts={"api": [60]}))
    assert found.outcome is Outcome.PASS and found.evidence["restarts"] == 1
    assert found.figure == pytest.approx(0, abs=MEGABYTE)


def test_what_a_new_process_takes_to_warm_up_is_no_growth() -> None:
    memory_bytes = 400e6 + QUIET
    memory_bytes[60:] -= 300e6 * np.exp(-(SECONDS[60:] - 60) / 5)
    found = finding(simulated({"api": memory_bytes}, starts={"api": [60]}))
    assert found.outcome is Outcome.INCONCLUSIVE, "or a leak that begins afresh"
    assert found.interval is not None and found.interval[0] < MEGABYTE


def test_a_process_that_leaked_and_never_came_back_fails() -> None:
    """Killed at 80 s: what it had gained by then is proven."""
    run = restarted()
    alive = tuple(s for s in run.probes if s.t < 80)
    dead = tuple(ProbeSample(t + 0.1, "process", "api", {}, "process 100 is gone") for t in range(80, 91))
    found = finding(dataclasses.replace(run, probes=(*alive, *dead)))
    assert found.outcome is Outcome.FAIL
    slow = restarted(per_s_bytes=1e6)
    alive = tuple(s for s in slow.probes if s.t < 80)
    assert finding(dataclasses.replace(slow, probes=(*alive, *dead))).outcome is Outcome.INCONCLUSIVE


def test_memory_of_the_spike_that_a_restart_took_away_is_not_proven_growth() -> None:
    memory_bytes = 100e6 + QUIET + 500e6 * (SECONDS >= 30) * (SECONDS < 34)
    memory_bytes[34:36] = np.nan
    found = finding(simulated({"api": memory_bytes}, starts={"api": [36]}))
    assert found.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("size_mb", "limit_mb"), [(100, 200), (790, 200), (1000, 250), (4000, 1000)])
def test_the_limit_is_absolute_for_small_processes_and_relative_for_large_ones(size_mb: int, limit_mb: int) -> None:
    for share, outcome in ((0.97, Outcome.PASS), (1.03, Outcome.FAIL)):
        gained = np.minimum(1, np.maximum(0, SECONDS - 30) / 10) * share * limit_mb * MEGABYTE
        found = finding(simulated({"api": size_mb * MEGABYTE + gained}, starts={}))
        assert found.outcome is outcome
        assert found.limit == pytest.approx(limit_mb * MEGABYTE)


def test_one_of_several_processes_restarts() -> None:
    for starts in ((), (70,)):
        leaking_one = {s.t: s.values for s in restarted(*starts).probes if s.values}
        several = {
            "api": np.array([leaking_one.get(t + 0.1, {}).get("rss_bytes", np.nan) for t in SECONDS]),
            "api2": 100e6 + QUIET,
        }
        assert finding(simulated(several, starts={"api": starts})).outcome is Outcome.FAIL


def test_each_time_between_restarts_is_tested_for_a_leak() -> None:
    def leak(run: Recording) -> Finding:
        return judge(run, [CriterionSpec("memory_leak")]).findings[0]

    found = leak(restarted(82, per_s_bytes=MEGABYTE))
    assert found.outcome is Outcome.INCONCLUSIVE and "api: steady growth" in found.reason
    assert "restarts: 1" in found.reason
    assert leak(restarted(82, per_s_bytes=0)).outcome is Outcome.PASS
    short = leak(restarted(46, 61, 76, per_s_bytes=0))
    assert short.outcome is Outcome.INCONCLUSIVE and "30 samples after the warm-up needed" in short.reason


@pytest.mark.parametrize(
    ("last_s", "risen_mb", "outcome"),
    [(5, 260, Outcome.INCONCLUSIVE), (5, 150, Outcome.PASS), (1, 260, Outcome.PASS), (0, 0, Outcome.PASS)],
)
def test_memory_that_rises_in_the_last_seconds_is_no_pass(last_s: int, risen_mb: int, outcome: Outcome) -> None:
    """It is not in the median of the last 30 s, and may be given back, or not."""
    memory_bytes = np.full(RECOVERY_S + 300, 500.0 * MEGABYTE)
    memory_bytes[len(memory_bytes) - last_s :] += risen_mb * MEGABYTE
    found = finding(simulated({"api": memory_bytes}, recovery_s=300))
    assert (found.outcome, found.figure) == (outcome, 0)
    told = "; but its last seconds have 260.0 MB more than the baseline ever had: a longer recovery would tell"
    assert (told in found.reason) is (outcome is Outcome.INCONCLUSIVE)


def test_what_a_collector_holds_before_and_after_is_no_rise() -> None:
    """400 MB up and down every 9 s, near its highest when the run ends."""
    seconds = np.arange(RECOVERY_S + 300)
    up_and_down = 400 * MEGABYTE * (1 + (seconds - len(seconds)) % 9 / 9)
    assert up_and_down[-1] - np.median(up_and_down) > 150 * MEGABYTE
    assert finding(simulated({"api": up_and_down}, recovery_s=300, starts={})).outcome is Outcome.PASS
