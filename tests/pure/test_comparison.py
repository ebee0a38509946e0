"""Runs held against each other: worse is found, the same is not called worse, and little evidence is called little."""

from __future__ import annotations

import dataclasses
import math
from functools import cache

import pytest

from harness.comparison import groups, words
from harness.comparison.metric import Margin, bounds_of, margin_of, metrics
from harness.comparison.plan import differences, plan_of
from harness.comparison.runs import Judged, compared, plan_differences
from harness.errors import ConfigurationError
from harness.findings import Finding, Outcome, Verdict
from harness.recording import Recording
from harness.recording.header import CriterionSpec, FaultPlan, PlannedClass
from harness.verdict import judge
from tests import recordings, stored_runs

BASELINE = (
    CriterionSpec("latency_quantile", {"phase": "recovery", "name": "p95"}),
    CriterionSpec("error_ratio", {"phase": "recovery", "name": "errors"}),
)


@cache
def herd(seed: int, **kind: float) -> Judged:
    run = recordings.login_herd(seed=seed, **kind)  # type: ignore[arg-type]
    return run, judge(run)


@cache
def steady(seed: int, latency_s: float = 0.02, error_ratio: float = 0, per_s: float = 20) -> Judged:
    """Five minutes without a herd, poisson arrivals."""
    run = recordings.login_herd(
        seed=seed,
        herd_users=0,
        canary_per_s=per_s,
        poisson=True,
        base_latency_s=latency_s,
        recovery_s=300,
        recovery_error_ratio=error_ratio,
        criteria=BASELINE,
    )
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, gates=()))
    return run, judge(run)


def found(verdict: Verdict, criterion: str) -> Finding:
    return next(each for each in verdict.findings if each.criterion == criterion)


def herds(first: int, **kind: float) -> list[Judged]:
    return [herd(first + number, **kind) for number in range(4)]


def test_four_runs_against_four_of_the_same_version_are_not_worse() -> None:
    whole = compared(herds(1), herds(11), 0.1)
    assert whole.outcome is Outcome.PASS
    assert all(each.interval is not None for each in whole.findings)


def test_four_slower_ones_are() -> None:
    whole = compared(herds(1), herds(11, drain_per_s=200), 0.1)
    assert whole.outcome is Outcome.FAIL
    worse = found(whole, "latency_quantile")
    assert worse.outcome is Outcome.FAIL
    assert worse.figure == pytest.approx(0.48, abs=0.03)
    assert "+25 %" in worse.reason or "+24" in worse.reason
    assert found(whole, "error_ratio").outcome is Outcome.PASS


def test_slower_by_less_than_may_be_is_not_worse() -> None:
    assert compared(herds(1), herds(11, drain_per_s=200), 0.5).outcome is Outcome.PASS


def test_faster_ones_are_not_worse() -> None:
    assert compared(herds(1, drain_per_s=200), herds(11), 0.1).outcome is Outcome.PASS


def test_runs_that_never_recover_are_worse_though_nobody_knows_by_how_much() -> None:
    whole = compared(herds(1), herds(11, slow_for_s=math.inf), 0.1)
    recovery = found(whole, "recovery_time")
    assert recovery.outcome is Outcome.FAIL
    assert recovery.figure is None
    assert recovery.interval is not None and recovery.interval[1] == math.inf
    assert "log-rank" in recovery.reason


def test_where_neither_recovers_nothing_is_known() -> None:
    both = herds(1, slow_for_s=math.inf), herds(11, slow_for_s=math.inf)
    assert found(compared(*both, 0.1), "recovery_time").outcome is Outcome.INCONCLUSIVE


def verdicts(values: list[float | None], *criteria: str, kind: str = "latency_quantile") -> list[Verdict]:
    """One run a figure, the same for each criterion; None: it was not seen to come within 60 s."""
    made = []
    for value in values:
        one = stored_runs.finding(value, censored_s=60.0 if value is None else None)
        findings = [dataclasses.replace(one, criterion=each, title=each, kind=kind) for each in criteria or ("p95",)]
        made.append(Verdict(Outcome.PASS, "", tuple(findings)))
    return made


QUICK: list[float | None] = [1.0, 1.01, 1.02, 1.03]
SLOW: list[float | None] = [1.5, 1.51, 1.52, 1.53]


def test_the_figure_of_groups_is_the_median_of_their_differences() -> None:
    """Of 70 orders of eight runs one is so; four against four leave all differences in the interval."""
    (worse,) = groups.compared(verdicts(QUICK), verdicts(SLOW), 0.1)
    assert worse.outcome is Outcome.FAIL and worse.confidence == 0.95
    assert worse.figure == pytest.approx(0.5) and worse.limit == pytest.approx(0.1015)
    assert worse.interval == pytest.approx((0.47, 0.53))
    assert worse.evidence == {
        "runs in the first": 4, "runs in the second": 4, "p (Mann–Whitney, Holm over 1)": round(1 / 70, 4),
    }  # fmt: skip
    assert worse.reason == (
        "median 1.02 s in the first, 1.52 s in the second, +49.3 %; "
        "worse by more than 10 % (p = 0.014 by Mann–Whitney, by itself)"
    )
    (better,) = groups.compared(verdicts(SLOW), verdicts(QUICK), 0.1)
    assert better.outcome is Outcome.PASS and better.figure == pytest.approx(-0.5)
    assert better.reason.endswith("not worse by more than 10 %, with 95 % confidence")


def test_the_figure_of_groups_that_ought_to_be_high_is_turned() -> None:
    (worse,) = groups.compared(verdicts(SLOW, kind="throughput"), verdicts(QUICK, kind="throughput"), 0.1)
    assert worse.outcome is Outcome.FAIL
    assert worse.figure == pytest.approx(-0.5) and worse.limit == pytest.approx(-0.1515)
    assert worse.interval == pytest.approx((-0.53, -0.47))
    assert worse.reason.startswith("median 1.52 s in the first, 1.02 s in the second, -33 %;")
    (better,) = groups.compared(verdicts(QUICK, kind="throughput"), verdicts(SLOW, kind="throughput"), 0.1)
    assert better.outcome is Outcome.PASS


@pytest.mark.parametrize(("figures", "fails"), [(3, True), (4, False)])
def test_of_many_figures_four_against_four_prove_none(figures: int, fails: bool) -> None:
    """Three times 1 in 70 is 4.3 %, four times 5.7 %; 1 in 252, of five against five, is enough for twelve."""
    names = [f"figure {number}" for number in range(figures)]
    found_now = groups.compared(verdicts(QUICK, *names), verdicts(SLOW, *names), 0.1)
    assert {each.outcome for each in found_now} == {Outcome.FAIL if fails else Outcome.INCONCLUSIVE}
    told = "by itself worse by more than 10 %, but of 4 figures one may be so by chance (p = 0.057 by Mann–Whitney, all"
    assert fails or all(f"{told} together); at least 5 runs against 5 would tell" in each.reason for each in found_now)


def test_larger_by_about_what_may_be_is_neither_worse_nor_not() -> None:
    (between,) = groups.compared(verdicts(QUICK), verdicts(SLOW), 0.49)
    assert between.outcome is Outcome.INCONCLUSIVE
    assert between.reason.endswith("it may be worse by more than 49 % or not; more runs would tell")


def test_how_many_were_not_seen_to_end_is_said() -> None:
    (censored,) = groups.compared(verdicts(QUICK), verdicts([*SLOW[:3], None]), 0.1)
    assert "1 of 8 runs were not seen to recover" in censored.reason and "log-rank" in censored.reason
    assert censored.interval is not None and censored.interval[1] == math.inf


def test_of_the_whole_the_worst_is_said_first() -> None:
    whole = compared([*herds(1)], [*herds(11, drain_per_s=200)], 0.1)
    worst = whole.findings[0]
    assert worst.outcome is Outcome.FAIL and whole.reason.startswith(f"{worst.title}: {worst.reason}")
    failed = sum(each.outcome is Outcome.FAIL for each in whole.findings)
    assert whole.reason.endswith(f" ({failed - 1} more FAIL)." if failed > 1 else ".")
    assert [each.outcome.rank for each in whole.findings] == sorted(
        (each.outcome.rank for each in whole.findings), reverse=True
    )


def test_three_runs_tell_nothing_and_say_how_many_would() -> None:
    whole = compared(herds(1)[:3], herds(11), 0.1)
    assert whole.outcome is Outcome.INCONCLUSIVE
    assert "4 against 4 would tell" in whole.reason


def test_a_run_that_a_guard_voids_does_not_count() -> None:
    run = recordings.saturated(seed=11)
    second = [(run, judge(run)), *herds(11)[1:]]
    assert found(compared(herds(1), second, 0.1), "latency_quantile").outcome is Outcome.INCONCLUSIVE


def test_a_run_that_the_target_itself_made_void_is_no_accident() -> None:
    """It was down before the load; a load generator out of breath says nothing of it."""
    down, saturated = recordings.login_herd(seed=11, healthy_before=False), recordings.saturated(seed=11)
    whole = compared(herds(1), [*herds(11), (down, judge(down)), (saturated, judge(saturated))], 0.1)
    told = found(whole, "target_healthy")
    assert told.outcome is Outcome.INCONCLUSIVE and " and 1 of " in told.reason
    assert not [each for each in whole.findings if each.criterion == "generator_health"]


def test_of_two_herds_there_is_one_observation_each() -> None:
    whole = compared([herd(1)], [herd(11, drain_per_s=100)], 0.1)
    assert whole.outcome is Outcome.INCONCLUSIVE
    assert "one observation each" in found(whole, "latency_quantile").reason
    assert any("four against four" in note for note in whole.notes)


def test_of_two_steady_runs_the_shift_is_what_was_done() -> None:
    whole = compared([steady(1)], [steady(2, latency_s=0.026)], 0.1)
    slower = found(whole, "p95")
    assert slower.outcome is Outcome.FAIL
    assert slower.interval is not None and slower.figure is not None
    before = found(steady(1)[1], "p95").figure
    assert before is not None
    assert slower.interval[0] < 0.3 * before < slower.interval[1]
    after = found(steady(2, latency_s=0.026)[1], "p95").figure
    assert after is not None and slower.figure == pytest.approx(after - before)
    assert slower.limit == pytest.approx(0.1 * before)
    assert "worse by more than 10 %" in slower.reason


def test_of_two_steady_runs_of_one_version_nothing_is_worse() -> None:
    whole = compared([steady(1)], [steady(3)], 0.15)
    assert found(whole, "p95").outcome is Outcome.PASS
    assert found(whole, "errors").outcome is Outcome.PASS


def test_a_short_run_tells_less() -> None:
    few = [(dataclasses.replace(run, slices=run.slices[::12]), verdict) for run, verdict in (steady(1), steady(3))]
    again = [(run, judge(run)) for run, _ in few]
    assert found(compared(again[:1], again[1:], 0.02), "p95").outcome is Outcome.INCONCLUSIVE


def test_errors_that_were_not_there_before_are_worse() -> None:
    whole = compared([steady(1)], [steady(2, error_ratio=0.08)], 0.1)
    assert found(whole, "errors").outcome is Outcome.FAIL
    assert whole.reason.endswith("."), whole.reason
    assert "more FAIL" not in whole.reason and found(whole, "p95").outcome is not Outcome.FAIL, "it is the only one"


def test_more_is_better_where_the_limit_is_a_lower_one() -> None:
    specs = (CriterionSpec("throughput", {"phase": "recovery"}),)

    def group(first: int, per_s: float) -> list[Judged]:
        made = []
        for number in range(4):
            run = recordings.login_herd(seed=first + number, canary_per_s=per_s, poisson=True, criteria=specs)
            made.append((run, judge(run)))
        return made

    whole = compared(group(1, 10), group(11, 6), 0.1)
    fewer = found(whole, "throughput")
    assert fewer.outcome is Outcome.FAIL
    assert fewer.figure is not None and fewer.figure < 0
    assert "more FAIL" not in whole.reason, "it is the only one"
    (one,) = compared(group(1, 10)[:1], group(11, 6)[:1], 0.1).findings
    assert one.figure is not None and one.figure < 0 and one.limit is not None and one.limit < 0
    assert compared(group(1, 6), group(11, 10), 0.1).outcome is Outcome.PASS


def test_runs_without_criteria_about_the_target_cannot_be_compared() -> None:
    run = recordings.login_herd(criteria=())
    assert compared([(run, judge(run))], [(run, judge(run))], 0.1).outcome is Outcome.INCONCLUSIVE


def test_what_differs_in_plan_or_machine_is_named() -> None:
    run, other = recordings.healthy(), recordings.login_herd(herd_users=400)
    header = dataclasses.replace(other.header, environment={**other.header.environment, "python": "3.12.1"})
    told = plan_differences([run, dataclasses.replace(other, header=header)])
    assert len(told) == 3
    assert told[0] == "option herd_users of the shape: 500 and 400"
    assert told[1].startswith("planned load: up to 500 users, 500 users at 30 s")
    assert told[2] == "python: 3.11.7 and 3.12.1"
    assert not plan_differences([run, recordings.healthy(seed=2)])
    later = dataclasses.replace(run.header, commit="abc", target="http://127.0.0.1:9", started_utc="2027")
    assert not differences(plan_of(run.header), plan_of(later))


def test_a_plan_is_its_load_and_its_faults_wherever_they_find_their_targets() -> None:
    """A shape that reads a file has the same options whatever is in the file."""

    def with_header(**changed: object) -> Recording:
        run = recordings.healthy()
        return dataclasses.replace(run, header=dataclasses.replace(run.header, **changed))  # type: ignore[arg-type]

    def delay(ms: int, port: int) -> tuple[FaultPlan, ...]:
        return (FaultPlan(1, "delay", 35, 40, f"delay port={port} url=http://127.0.0.1:{port}/x ms={ms}"),)

    other_level = with_header(level=((0.0, 10.0), (91.0, 20.0)))
    assert [line.partition(":")[0] for line in plan_differences([recordings.healthy(), other_level])] == [
        "planned load"
    ]
    apart = (PlannedClass("Buyer", 10, ((0.0, 1.0), (91.0, 1.0))), PlannedClass("Reader"))
    (line,) = plan_differences([recordings.healthy(), with_header(classes=apart)])
    assert line.startswith("classes of users: not told and Buyer (") and line.endswith("), Reader")
    assert plan_differences([recordings.healthy(), with_header(faults=delay(100, 8000))]) == [
        "faults: none and delay ms=100 from 35 to 40 s"
    ]
    assert not plan_differences([with_header(faults=delay(100, 8000)), with_header(faults=delay(100, 9000))])
    assert plan_differences([with_header(faults=delay(100, 8000)), with_header(faults=delay(500, 8000))])


def test_a_target_that_does_not_come_back_any_more_is_worse_whatever_its_figures() -> None:
    gone = herds(11, healthy_after=False)
    whole = compared(herds(1), gone, 0.1)
    assert whole.outcome is Outcome.FAIL
    assert (
        "0 of 4 runs in the first and 4 of 4 in the second: did not come back" in found(whole, "target_healthy").reason
    )
    assert compared(herds(1), [*herds(11)[:3], gone[0]], 0.1).outcome is Outcome.INCONCLUSIVE
    assert compared(gone, herds(1), 0.1).outcome is Outcome.INCONCLUSIVE


def test_runs_that_were_cut_off_are_not_shown_to_be_no_worse() -> None:
    whole = compared(herds(1), herds(11, cut_off_at_s=50), 0.1)
    assert whole.outcome is Outcome.INCONCLUSIVE
    assert "4 of 4 in the second" in found(whole, "run_complete").reason


def test_where_most_runs_are_void_the_others_do_not_stand_for_them() -> None:
    void = [(run, judge(run)) for run in (recordings.saturated(seed=50 + number) for number in range(4))]
    latency = found(compared(herds(1), [*herds(11), *void], 0.1), "latency_quantile")
    assert latency.outcome is Outcome.INCONCLUSIVE
    assert "only 4 of 8 runs in the second" in latency.reason


@cache
def mixed(seed: int, rare_s: float = 0.02, share: float = 0.03, latency_s: float = 0.02) -> Judged:
    """As ``steady``, with a request besides that is made so much less often."""
    run, _ = steady(seed, latency_s)
    rare = recordings.login_herd(
        seed=seed + 1000, herd_users=0, canary_per_s=20 * share, poisson=True, base_latency_s=rare_s, recovery_s=300
    )
    assert run.end is not None and rare.end is not None
    both = dataclasses.replace(
        run,
        slices=(*run.slices, *(dataclasses.replace(piece, name="GET /rare") for piece in rare.slices)),
        end=dataclasses.replace(run.end, requests=run.end.requests + rare.end.requests),
    )
    return both, judge(both)


def mixes(first: int, **kind: float) -> list[Judged]:
    return [mixed(first + number, **kind) for number in range(4)]


def test_one_slow_request_among_many_is_not_passed_over() -> None:
    """The p95 of all does not see what makes three of a hundred."""
    for first, second in (([mixed(1)], [mixed(2, rare_s=0.06)]), (mixes(1), mixes(11, rare_s=0.06))):
        whole = compared(first, second, 0.2)
        assert whole.outcome is Outcome.INCONCLUSIVE
        assert found(whole, "p95").outcome is Outcome.PASS
        assert "worse by more than 20 %" in found(whole, "p95 of GET /rare").reason
    assert compared(mixes(1), mixes(11), 0.1).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("latency_s", "phases"),
    [(0.06, ["baseline", "recovery"]), (0.025, []), (0.007, [])],
)
def test_a_herd_does_not_hide_that_the_service_is_slower_at_its_usual_load(latency_s: float, phases: list[str]) -> None:
    """Of its queue the p95 of the spike comes, and each run recovers to what its own baseline was."""
    for first, second in ((herds(1), herds(11, base_latency_s=latency_s)), ([herd(1)], [herd(2, base_latency_s=0.06)])):
        whole = compared(first, second, 0.1)
        slower = [each.title for each in whole.findings if each.criterion.startswith("p95_in_")]
        expected = phases if len(first) > 1 else ["baseline", "recovery"]
        assert slower == [f"p95 latency in the {phase}" for phase in expected]
        assert (whole.outcome is Outcome.PASS) is not bool(expected)


@pytest.mark.parametrize(("ratio", "phases"), [(0.04, ["recovery"]), (0.005, [])])
def test_a_service_that_fails_more_where_no_criterion_looks_is_not_shown_to_be_no_worse(
    ratio: float, phases: list[str]
) -> None:
    """Its spikes fail as rarely as before, and it recovers: a share below a tenth is no degradation."""
    first, second = herds(1), herds(11, recovery_error_ratio=ratio)
    for runs in (4, 1):
        whole = compared(first[:runs], second[:runs], 0.1)
        failing = [each.title for each in whole.findings if each.criterion.startswith("failures_in_")]
        assert failing == [f"error ratio in the {phase}" for phase in phases]
        assert runs == 1 or whole.outcome is (Outcome.INCONCLUSIVE if phases else Outcome.PASS)


def test_of_one_run_each_a_slower_phase_has_an_interval_or_asks_for_more_runs() -> None:
    """The baseline is slower for sure; in the recovery the queue of the herd makes the p95 uncertain."""
    whole = compared([herd(1)], [herd(2, base_latency_s=0.06)], 0.1)
    sure, unsure = found(whole, "p95_in_baseline"), found(whole, "p95_in_recovery")
    assert sure.interval is not None and sure.interval[0] > 0 and "4 against 4" not in sure.reason
    assert unsure.interval is not None and unsure.interval[0] <= 0 and "4 against 4 would tell" in unsure.reason


def test_another_mix_of_requests_hides_that_each_is_worse() -> None:
    whole = compared(mixes(1, rare_s=0.2, share=0.3), mixes(11, rare_s=0.26, latency_s=0.026), 0.2)
    assert found(whole, "p95").outcome is Outcome.PASS
    assert whole.outcome is Outcome.INCONCLUSIVE
    assert "% of them in the first" in found(whole, "mix_in_recovery").reason


def test_one_run_that_could_hardly_be_measured_lets_no_other_become_worse() -> None:
    recovery, errors = found(herd(1)[1], "recovery_time"), found(herd(1)[1], "error_ratio")
    wide = dataclasses.replace(recovery, interval=(0.0, 1000.0))
    assert margin_of([recovery] * 3 + [wide], 0.1) == Margin(0.1, 1.0)
    assert margin_of([errors, dataclasses.replace(errors, limit=1.0)], 0.1).floor == pytest.approx(0.005)


def test_the_margin_is_no_finer_than_the_figures_are_measured() -> None:
    recovery = found(herd(1)[1], "recovery_time")
    assert margin_of([recovery], 0.1) == Margin(0.1, 1.0)
    assert Margin(0.1, 1.0).worsened(2.0) == 3.0
    assert Margin(0.1, 1.0).worsened(50.0) == 55.0
    assert Margin(0.1).worsened(-50.0) == -45.0


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-1", "1e9", "%", "10%%"])
def test_a_margin_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--worse-than"):
        words.share_of(text)


def test_a_margin_is_in_percent() -> None:
    assert words.share_of("10%") == words.share_of(" 10 ") == pytest.approx(0.1)


def test_between_what_a_figure_lies() -> None:
    known = stored_runs.finding(2.0)
    assert bounds_of(known) == (2.0, 2.0)
    assert bounds_of(stored_runs.finding(None, censored_s=60.0)) == (60.0, math.inf)
    without = dataclasses.replace(known, figure=math.nan, interval=(math.inf, math.inf))
    assert bounds_of(without) == (math.inf, math.inf), "too many failed for it to have a bound"
    assert bounds_of(dataclasses.replace(without, interval=(1.0, 2.0))) is None
    assert bounds_of(dataclasses.replace(without, interval=None)) is None
    assert bounds_of(dataclasses.replace(known, voided_by="generator_health")) is None
    assert bounds_of(None) is None


def test_the_same_in_every_run_is_not_worse_even_without_a_margin() -> None:
    (same,) = groups.compared(verdicts([1.0] * 4), verdicts([1.0] * 4), 0.0)
    assert same.outcome is Outcome.PASS and same.figure == 0 and same.interval == (0, 0)


@pytest.mark.parametrize(
    ("by", "of", "unit", "told"),
    [
        (0.5, 2.0, "s", "+25 %"),
        (-0.5, 2.0, "s", "-25 %"),
        (19.9, 2.0, "s", "+995 %"),
        (20.0, 2.0, "s", "+20 s"),
        (0.5, 0.0, "s", "+500 ms"),
        (0.02, 0.1, "ratio", "+2 percentage points"),
        (-0.02, 0.1, "ratio", "-2 percentage points"),
        (1e6, 1e8, "bytes", "+1.0 MB"),
        (0.0, 0.1, "ratio", "+0 percentage points"),
        (1.0, math.inf, "s", "+1 s"),
    ],
)
def test_a_change_in_words(by: float, of: float, unit: str, told: str) -> None:
    assert words.change(by, of, unit) == told


def test_a_margin_in_words_is_a_share_unless_it_is_more() -> None:
    assert words.allowed(0.1, 0.2, 2.0, "s") == words.allowed(0.1, None, 2.0, "s") == "10 %"
    assert words.allowed(0.1, 0.5, 2.0, "s") == "500 ms"
    assert words.allowed(0.1, 0.005, 0.01, "ratio") == "0.5 percentage points"


def test_guards_are_no_metrics() -> None:
    assert {each.kind for each in metrics([herd(1)[1]])} == {
        "error_ratio",
        "latency_quantile",
        "recovery_time",
        "memory_growth",
    }
