"""Recovery time by simulation: many seeded recordings with a known truth, wrong answers counted.

The counts stated in docs/measurement.md come from the same function with more seeds: ``measured(range(1000),
…)``.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from harness.criteria.recovery import _episode
from harness.criteria.recovery._episode import measure
from harness.criteria.recovery._recovery import Recovery, Settings, State
from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.values import UNFINISHED
from harness.verdict import judge
from tests.calibration.simulation import Disturbance, Load, Service, every, simulate
from tests.recordings import CANARY, healthy, login_herd

SEEDS = range(30)


def measured(seeds: Iterable[int] = SEEDS, **variation: Any) -> list[Recovery]:
    return [measure(login_herd(seed=seed, **variation)) for seed in seeds]


def states(runs: list[Recovery]) -> Counter[str]:
    return Counter(run.state.value for run in runs)


@pytest.mark.parametrize("poisson", [False, True])
@pytest.mark.parametrize(("base_latency_s", "jitter"), [(0.02, 0.4), (0.02, 1.2), (0.3, 0.8), (1.0, 0.3)])
def test_a_healthy_target_is_never_called_degraded(poisson: bool, base_latency_s: float, jitter: float) -> None:
    runs = measured(herd_users=0, poisson=poisson, base_latency_s=base_latency_s, jitter=jitter)
    assert states(runs) == {"not degraded": len(SEEDS)}
    assert {run.recovery_s for run in runs} == {0.0}
    assert {run.detect_s for run in runs} == {None}


@pytest.mark.parametrize("poisson", [False, True])
def test_a_healthy_target_recovers_when_the_queue_of_the_herd_is_empty(poisson: bool) -> None:
    runs = measured(poisson=poisson)
    assert states(runs) == {"recovered": len(SEEDS)}
    assert all(abs(run.recovery_s - 1) <= 1 for run in runs if run.recovery_s is not None)


@pytest.mark.parametrize("poisson", [False, True])
@pytest.mark.parametrize("slow_s", [5, 10, 20])
def test_a_target_that_stays_slow_is_measured_within_a_second(slow_s: int, poisson: bool) -> None:
    runs = measured(slow_for_s=slow_s, poisson=poisson)
    errors = [abs((run.recovery_s if run.recovery_s is not None else math.inf) - slow_s) for run in runs]
    assert max(errors) <= 1
    assert all(run.interval_s and run.interval_s[0] <= slow_s <= run.interval_s[1] for run in runs)


@pytest.mark.parametrize("slow_s", [4.3, 4.5, 4.7])
def test_recovery_in_the_middle_of_a_window_is_measured_within_a_second(slow_s: float) -> None:
    errors = [abs((run.recovery_s or 0) - slow_s) for run in measured(slow_for_s=slow_s, poisson=True)]
    assert max(errors) < 1.5
    assert sum(errors) / len(errors) < 0.75


def test_a_target_that_is_slow_for_everybody_is_seen_behind_a_long_tail() -> None:
    """One request in ten takes a second even in the baseline, so no SLO from its p95 can see 0.4 s more."""
    runs = []
    for seed in SEEDS:
        run = login_herd(seed=seed, slow_for_s=10)
        tail = tuple(Slice(t, "worker-1", CANARY, "ok", 1, 0, {10_000: 1}) for t in range(91))
        runs.append(measure(dataclasses.replace(run, slices=run.slices + tail)))
    assert all(run.slo is not None and run.slo.overall_s > 0.5 for run in runs)
    assert Counter(run.recovery_s for run in runs)[10.0] >= 0.95 * len(runs)


def test_errors_degrade_like_slowness() -> None:
    assert {run.recovery_s for run in measured(recovery_error_ratio=1, errors_for_s=10)} == {10.0}


def test_errors_of_a_minority_are_seen_although_the_median_does_not_move() -> None:
    for run in measured(range(10), herd_users=0, canary_per_s=50, recovery_error_ratio=0.35, errors_for_s=10):
        assert run.state is State.RECOVERED
        assert run.recovery_s is not None
        assert abs(run.recovery_s - 10) <= 1


def test_half_of_the_requests_failing_is_seen_to_end_at_most_a_few_seconds_early() -> None:
    errors = [abs((r.recovery_s or 0) - 10) for r in measured(recovery_error_ratio=0.5, errors_for_s=10)]
    assert max(errors) <= 4
    assert sum(error > 3 for error in errors) <= 0.05 * len(errors)


def test_a_target_that_goes_on_failing_three_requests_in_ten_never_recovers() -> None:
    assert states(measured(recovery_error_ratio=0.3)) == {"not recovered": len(SEEDS)}


@pytest.mark.parametrize("slow_s", [math.inf, 55])
def test_a_target_that_is_not_seen_to_recover_is_censored(slow_s: float) -> None:
    """At 55 s it did recover, but ten seconds of holding cannot be seen in the five that are left."""
    for run in measured(slow_for_s=slow_s):
        assert run.state is State.NOT_RECOVERED
        assert run.recovery_s is None
        assert run.interval_s is not None
        assert run.interval_s[0] == min(slow_s - 1, 60)
        assert run.interval_s[1] == math.inf


def test_a_target_that_flaps_has_recovered_when_it_is_well_for_longer_than_ever_before() -> None:
    flaps = ((20, 25), (40, 45))
    for run in measured(slow_for_s=5, flaps=flaps, recovery_s=90):
        assert (run.state, run.recovery_s, run.relapses_s) == (State.RECOVERED, 45.0, (20.0, 40.0))
    for run in measured(slow_for_s=5, flaps=flaps, recovery_s=60):
        assert run.state is State.NOT_RECOVERED, "well for 15 s, as it was twice before"
        assert run.interval_s == (44.0, math.inf)


def test_one_bad_second_long_after_is_told_and_passed_over() -> None:
    for run in measured(slow_for_s=5, flaps=((30, 31),)):
        assert (run.recovery_s, run.relapses_s, run.passed_over) == (5.0, (30.0,), True)


def failing_for_a_second(*instants_s: int, recovery_s: int = 60) -> Recording:
    """Every request fails in these seconds after the spike."""
    well = login_herd(herd_users=0, recovery_s=recovery_s)
    bad = {31 + instant for instant in instants_s}
    slices = tuple(
        dataclasses.replace(each, outcome="http 503", latency={}) if each.t in bad else each for each in well.slices
    )
    return dataclasses.replace(well, slices=slices)


def test_an_outage_that_comes_again_and_again_is_no_recovery() -> None:
    found = RecoveryTime().judge(failing_for_a_second(3, 13, 23, 33, 43, 53))
    assert found.outcome is Outcome.FAIL
    assert found.reason == (
        "not recovered in the 60 s that it was watched, limit 30 s; it returned but left the band again at "
        "3, 13, 23, 33, 43, 53 s, 6 times after the spike"
    )
    assert found.evidence["requests lost"] == 60
    assert found.evidence["depth"] == "100 %"
    assert found.evidence["degraded (s)"] == 6


def test_an_outage_in_the_last_second_leaves_open_whether_it_is_one() -> None:
    found = RecoveryTime().judge(failing_for_a_second(59))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.interval == (0.0, math.inf)


def test_too_short_a_baseline_proves_nothing() -> None:
    runs = measured(range(5), baseline_s=20)
    assert states(runs) == {"unknown": 5}
    assert runs[0].reason.startswith("baseline too short: 30 windows of 1 s needed, with 3 requests each, 20 seen")


def test_a_sick_baseline_proves_nothing() -> None:
    run = login_herd()
    failing = tuple(
        dataclasses.replace(piece, outcome="http 500") if piece.t < 30 and piece.t % 4 == 0 else piece
        for piece in run.slices
    )
    assert measure(dataclasses.replace(run, slices=failing)).state is State.UNKNOWN


def test_an_slo_that_the_baseline_misses_proves_nothing() -> None:
    found = measure(login_herd(), Settings(slo_s=0.01))
    assert found.state is State.UNKNOWN
    assert "not healthy" in found.reason


def test_seconds_without_requests_are_no_evidence_of_recovery() -> None:
    run = login_herd(slow_for_s=5)
    silent = tuple(piece for piece in run.slices if piece.t < 40)
    found = measure(dataclasses.replace(run, slices=silent))
    assert found.state is State.UNKNOWN or found.recovery_s is None
    assert found.interval_s is not None
    assert found.interval_s[1] == math.inf
    assert found.interval_s[0] <= 9, "nor of degradation"


def test_a_canary_of_one_request_a_second_needs_longer_windows() -> None:
    thin = login_herd(canary_per_s=1, baseline_s=150, slow_for_s=20)
    assert measure(thin).state is State.UNKNOWN
    found = measure(thin, Settings(window_s=5, hold_s=25))
    assert found.recovery_s is not None
    assert abs(found.recovery_s - 20) <= 5


def test_depth_and_area_count_what_was_not_served_well() -> None:
    found = measure(login_herd(slow_for_s=10))
    assert found.depth_ratio == 1.0
    herd_late = 500 - 30  # about 30 of 500 logins are answered within the SLO of 0.14 s
    assert found.area_lost_requests == pytest.approx(herd_late + 10 + 10 * 10, abs=15)
    assert found.degraded_s == 11
    assert (found.degraded_at_s, found.detect_s, found.recovery_s) == (30.0, 1.0, 10.0)


def test_requests_that_were_young_when_the_run_ended_are_not_held_against_the_target() -> None:
    run = login_herd(slow_for_s=5)
    young = Slice(90, "worker-1", CANARY, UNFINISHED, 30, 0, {})
    assert run.end is not None
    end = dataclasses.replace(run.end, t=91)
    found = measure(dataclasses.replace(run, slices=(*run.slices, young), end=end))
    assert (found.state, found.recovery_s) == (State.RECOVERED, 5.0)


def test_a_missing_phase_is_named() -> None:
    run = login_herd()
    header = dataclasses.replace(run.header, phases=(Phase("all", 0, 91),))
    assert measure(dataclasses.replace(run, header=header)).reason == "the run has no phase baseline, spike, recovery"


@pytest.mark.parametrize(
    ("slow_s", "limit_s", "recovery_s", "expected"),
    [
        (10, 30, 60, "PASS"),
        (45, 30, 60, "FAIL"),
        (30, 30, 60, "INCONCLUSIVE"),
        (math.inf, 30, 60, "FAIL"),
        (math.inf, 30, 20, "INCONCLUSIVE"),
        (math.inf, 30, 5, "INCONCLUSIVE"),
        (55, 57, 60, "INCONCLUSIVE"),
        (55, 50, 60, "FAIL"),
    ],
)
def test_the_criterion_decides_on_the_interval(slow_s: float, limit_s: float, recovery_s: int, expected: str) -> None:
    """Censored below the limit is never a pass, and never a fail either."""
    run = login_herd(slow_for_s=slow_s, recovery_s=recovery_s)
    verdict = judge(run, [CriterionSpec("recovery_time", {"limit_s": limit_s})])
    found = next(finding for finding in verdict.findings if finding.criterion == "recovery_time")
    assert found.outcome.value == expected, found.reason


def test_a_target_that_goes_on_failing_one_request_in_seven_never_passes() -> None:
    """No window of ten need stand out by that; without a look at all of them together eleven of thirty runs pass."""
    runs = [login_herd(seed=seed, recovery_error_ratio=0.15, recovery_s=20) for seed in SEEDS]
    found = [RecoveryTime(limit_s=8).judge(run) for run in runs]
    assert not [each for each in found if each.outcome is Outcome.PASS]
    assert {each.outcome for each in found} <= {Outcome.INCONCLUSIVE, Outcome.FAIL}


def test_a_single_second_in_which_a_crowd_fails_is_not_passed_over() -> None:
    """The second requests of the herd: a window that holds more than all others together, and is only one."""
    well = healthy()
    crowd = Slice(33, "worker-1", "POST /checkout", "http 500", 500, 0, {9: 500})
    run = dataclasses.replace(well, slices=(*well.slices, crowd))
    found = RecoveryTime().judge(run)
    assert found.figure == 3
    assert found.evidence["requests lost"] == pytest.approx(970, abs=30), "the herd's own 470, and these"


def test_a_crowd_that_fails_long_after_is_not_passed_over() -> None:
    well = healthy()
    crowd = Slice(60, "worker-1", "POST /checkout", "http 500", 500, 0, {9: 500})
    found = RecoveryTime().judge(dataclasses.replace(well, slices=(*well.slices, crowd)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "500 of 500 requests POST /checkout since the recovery failed" in found.reason


def test_a_hiccup_of_a_second_is_told_and_tolerated() -> None:
    found = RecoveryTime().judge(failing_for_a_second(19))
    assert found.outcome is Outcome.PASS
    assert found.reason == (
        "not degraded: only single windows left the band of the baseline, 1 s in all, at 19 s after the spike; "
        "10 of 600 requests since failed or were too slow, none in the baseline"
    )
    assert found.evidence["requests lost"] == 10


def test_twice_the_latency_for_ever_is_not_passed() -> None:
    """Fewer than one in ten more miss the SLO by that, and the median is longer by less than the floor."""
    service, slower = Service(0.05, "exponential"), Disturbance(slower=((31, 2),))
    runs = [simulate(seed, service, Load(canary_per_s=20), slower).recording for seed in SEEDS]
    found = [RecoveryTime().judge(run) for run in runs]
    assert not [each for each in found if each.outcome is Outcome.PASS]
    assert [each for each in found if "times as long as in the baseline" in each.reason]


def staying_slower(mean_s: float, factor: float, **parameters: Any) -> list[Finding]:
    slower = Disturbance(slower=((31, factor),))
    runs = [simulate(seed, Service(mean_s), disturbance=slower).recording for seed in range(10)]
    return [RecoveryTime(**parameters).judge(run) for run in runs]


def test_a_quick_service_that_stays_twice_as_slow_is_not_passed_though_that_is_less_than_the_floor() -> None:
    found = staying_slower(0.02, 2)
    assert {each.outcome for each in found} == {Outcome.INCONCLUSIVE}
    assert all("times as long as in the baseline" in each.reason for each in found)
    assert all("no harm by floor_s = 100 ms" in each.reason for each in found)
    assert all(1.7 <= float(str(each.evidence["latency stays (times)"])) <= 2.4 for each in found)


def test_who_accepts_what_is_within_the_floor_gets_a_pass_that_says_it() -> None:
    found = staying_slower(0.02, 2, slower_ratio=0)
    assert {each.outcome for each in found} == {Outcome.PASS}
    assert all("times as long as in the baseline" in each.reason for each in found)
    assert all("within floor_s 100 ms" in each.reason for each in found)


def test_a_slowdown_of_less_than_a_load_generator_can_tell_passes_and_is_told() -> None:
    found = staying_slower(0.001, 2)
    assert {each.outcome for each in found} == {Outcome.PASS}
    assert all("within floor_s 100 ms" in each.reason for each in found)


def test_a_healthy_service_is_not_said_to_stay_slower() -> None:
    found = staying_slower(0.02, 1)
    assert {each.outcome for each in found} == {Outcome.PASS}
    assert not [each for each in found if "times as long" in each.reason or "latency stays (times)" in each.evidence]


def test_a_gradual_return_within_the_floor_is_not_said_to_stay_slower() -> None:
    slower = Disturbance(slower=((31, 4), (41, 1)))
    runs = [simulate(seed, disturbance=slower).recording for seed in range(10)]
    assert {RecoveryTime().judge(run).outcome for run in runs} == {Outcome.PASS}


def test_requests_that_fail_by_turns_are_not_passed_though_no_window_stands_out() -> None:
    """Half of them for 0.6 s in every 8 s, at 10/s: three failures in a window, and fewer than 5 % in all."""
    again = every(8, 0.6, 33, 131)
    failing = Disturbance(failing=[(begin_s, end_s, 0.5) for begin_s, end_s in again])
    runs = [simulate(seed, load=Load(recovery_s=100), disturbance=failing).recording for seed in range(10)]
    found = [RecoveryTime().judge(run) for run in runs]
    assert not [each for each in found if each.outcome is Outcome.PASS]
    assert [each for each in found if "they come by turns" in each.reason]


def test_a_baseline_that_goes_up_and_down_says_how_much_of_it_would_settle_it() -> None:
    """A queue at 0.8: what the sentence says is followed, and nine of twelve pass."""
    queue = Service(0.08, "exponential", servers=1)
    short = [RecoveryTime().judge(simulate(seed, queue, Load(10)).recording) for seed in range(12)]
    told = [
        re.search(r"(\d+) s of baseline with floor_s = ([\d.]+), as far as the latency goes there", each.reason)
        for each in short
        if each.outcome is Outcome.INCONCLUSIVE
    ]
    assert len(told) > 8 and all(told)
    followed = [
        RecoveryTime(floor_s=float(each[2])).judge(
            simulate(100 + number, queue, Load(10, baseline_s=int(each[1]))).recording
        )
        for number, each in enumerate(told)
        if each
    ]
    assert sum(each.outcome is Outcome.PASS for each in followed) >= 0.75 * len(followed)


def test_a_pass_tells_how_many_requests_failed_since_where_none_had_before() -> None:
    failing = Disturbance(failing=[(60.0, 60.9, 0.3)])
    found = [RecoveryTime().judge(simulate(seed, disturbance=failing).recording) for seed in range(6)]
    passed = [each.reason for each in found if each.outcome is Outcome.PASS]
    assert any(
        re.search(r"; \d+ of \d+ requests since failed or were too slow, none in the baseline$", each)
        for each in passed
    )
    healthy = [RecoveryTime().judge(simulate(seed).recording) for seed in range(6)]
    assert not [each for each in healthy if "none in the baseline" in each.reason]


def test_small_outages_that_come_again_are_not_passed_and_told_with_their_instants() -> None:
    """Three in ten for half a second in every 15 s, at 20/s: three failures each time, 1 % in all."""
    load = Load(20, recovery_s=120)
    failing = Disturbance(failing=[(begin_s, end_s, 0.3) for begin_s, end_s in every(15, 0.5, 33.2, load.end_s)])
    found = [RecoveryTime().judge(simulate(seed, load=load, disturbance=failing).recording) for seed in range(10)]
    assert not [each for each in found if each.outcome is Outcome.PASS]
    told = [each.reason for each in found if "they come by turns, most of them at" in each.reason]
    assert told
    assert all(
        set(map(int, re.findall(r"(\d+)[, ]", each.split("at ")[1].split(" s,")[0])))
        <= {2, 17, 32, 47, 62, 77, 92, 107}
        for each in told
    )


def test_as_many_that_fail_at_random_do_not_come_by_turns() -> None:
    """But in three of a hundred, which is the chance that is taken: in more than four of thirty it is a fault."""
    failing = Disturbance(failing=[(33, 131, 0.03)])
    runs = [simulate(seed, load=Load(recovery_s=100), disturbance=failing).recording for seed in range(30)]
    assert sum(RecoveryTime().judge(run).outcome is not Outcome.PASS for run in runs) <= 4


def test_the_rate_that_would_settle_it_is_told_and_settles_it() -> None:
    """One in five fails for 22 s, which is too near to the limit for 5 requests/s."""
    thin = simulate(0, load=Load(canary_per_s=5), disturbance=Disturbance(failing=((31, 53, 0.2),))).recording
    found = RecoveryTime(limit_s=24).judge(thin)
    told = re.search(r"a canary stream of (\d+) requests/s would settle it", found.reason)
    assert found.outcome is Outcome.INCONCLUSIVE and told, found.reason
    dense = Load(canary_per_s=int(told[1]))
    outcomes = [
        RecoveryTime(limit_s=24)
        .judge(simulate(seed, load=dense, disturbance=Disturbance(failing=((31, 53, 0.2),))).recording)
        .outcome
        for seed in range(20)
    ]
    assert outcomes.count(Outcome.PASS) >= 18


def test_a_baseline_whose_seconds_are_alike_proves_neither() -> None:
    """M/M/1 at 0.9: the queue wanders for longer than the baseline lasts."""
    service = Service(mean_s=0.09, distribution="exponential", servers=1)
    found = [RecoveryTime().judge(simulate(seed, service).recording) for seed in SEEDS]
    assert Counter(each.outcome for each in found)[Outcome.INCONCLUSIVE] >= len(SEEDS) - 1
    assert [each for each in found if "independent ones, because neighbours are alike" in each.reason]


@pytest.mark.parametrize(
    ("asked", "is_worked_out"), [({}, True), ({"slower_ratio": 0}, False), ({"slo_s": 0.5}, False)]
)
def test_names_that_stay_slower_are_looked_for_only_where_somebody_asks(
    asked: dict[str, Any], is_worked_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for = list[object]()
    monkeypatch.setattr(_episode, "slower_names", lambda *about: looked_for.append(about) or {})
    assert RecoveryTime(**asked).judge(login_herd()).outcome is Outcome.PASS
    assert bool(looked_for) is is_worked_out
