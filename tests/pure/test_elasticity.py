"""Criteria of scaling on synthetic runs: a staircase of 6, 16 and 26 starts/s, replicas as a probe would see them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest

from harness import criteria
from harness.analysis.quality import ServiceLevel
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling import scale_in
from harness.criteria.scaling._criterion import ElasticityCriterion
from harness.criteria.scaling._elasticity import Elasticity
from harness.criteria.scaling._step_function import Sampled, Steps
from harness.findings import Finding, Outcome
from harness.recording import End, ProbeSample, Recording
from harness.recording.header import CriterionSpec, Header, Phase
from harness.recording.values import OK, Scalar
from tests.recordings import Request, slices

LEVELS = (("baseline", 12, 6), ("step-1", 16, 16), ("spike", 16, 26), ("recovery", 30, 6))
GOOD = ((-2.0, 1), (14.5, 2), (31.5, 3), (52.5, 1))
"""2.5 s and 3.5 s late, and back 8.5 s after the load."""
ONE = ((-2.0, 1),)
PASS, INCONCLUSIVE, FAIL = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL
LAG, IN = CriterionSpec("scaling_lag", {"limit_s": 8.0}), CriterionSpec("scale_in", {"limit_s": 20.0})
UNDER, OVER = CriterionSpec("under_provisioning"), CriterionSpec("over_provisioning")
STABLE, ERRORS = CriterionSpec("scaling_stability"), CriterionSpec("scaling_errors")
ALL = (LAG, UNDER, OVER, STABLE, IN)
PAGE = {"ready": "ready", "wanted": "desired"}
"""What the scenario says of its autoscaler's page; a replica takes 10 starts/s."""


def at(points: Sequence[tuple[float, int]], t: float) -> int:
    return [value for begin_s, value in points if begin_s <= t][-1]


def run(
    ready: Sequence[tuple[float, int]] | None = GOOD,
    *,
    wanted: Sequence[tuple[float, int]] | None = None,
    physical: float = 20.0,
    silent: tuple[float, float] = (math.inf, math.inf),
    probe: str = "haproxy",
    failed_at: Sequence[int] = (),
    extra: Sequence[ProbeSample] = (),
) -> Recording:
    """A run. Above ``physical`` starts/s for one ready replica every answer takes a second longer."""
    phases: list[Phase] = []
    level: list[tuple[float, float]] = []
    start_s = 0
    for name, seconds, rate in LEVELS:
        phases.append(Phase(name, start_s, start_s + seconds))
        level += [(start_s, rate), (start_s + seconds, rate)]
        start_s += seconds
    requests = []
    for phase, (_, _, rate) in zip(phases, LEVELS, strict=True):
        for number in range(phase.duration_s * rate):
            t = phase.start_s + (number + 0.5) / rate
            slow = ready is not None and rate / at(ready, t) > physical
            bad = int(t) in failed_at and number % 2 == 0
            requests.append(Request(t, "node", "GET /work", "http 502" if bad else OK, 1.4 if slow else 0.4))
    samples = list(extra)
    key = "servers_up" if probe == "haproxy" else "ready"
    times = [second + 0.25 for second in range(-2, start_s) if not silent[0] <= second < silent[1]]
    for t in times:
        if ready is not None and probe == "haproxy":
            samples.append(ProbeSample(t, probe, "api", {key: at(ready, t)}))
        if ready is not None and (wanted or probe != "haproxy"):
            values = {"ready": float(at(ready, t)), "desired": float(at(wanted or ready, t))}
            name = "http_json" if probe == "haproxy" else probe
            samples.append(ProbeSample(t, name, "http://127.0.0.1:1/autoscaler", values))
    header = Header(
        scenario="autoscaling",
        started_utc="2026-03-14T09:26:53Z",
        shape="staircase",
        parameters={},
        phases=tuple(phases),
        level=tuple(level),
        level_unit="starts/s",
        gates=(),
        criteria=(),
        target="http://127.0.0.1:8080",
        nodes=1,
        environment={},
    )
    end = End(start_s + 1, "completed", True, len(requests), 0)
    return Recording(header, slices(requests), tuple(samples), (), end)


def judged(spec: CriterionSpec, recording: Recording, **more: Scalar) -> Finding:
    capacity = {} if spec is ERRORS else {"capacity_per_s": 10.0}
    return criteria.load(CriterionSpec(spec.criterion, {**PAGE, **capacity, **spec.parameters, **more})).judge(
        recording
    )


def test_a_healthy_run_passes_with_the_figures_that_are_true() -> None:
    lag, under, over, stable, back = (judged(spec, run()) for spec in ALL)
    assert [one.outcome for one in (lag, under, over, stable, back)] == [PASS] * 5
    assert (lag.figure, lag.interval) == (pytest.approx(3.75), (pytest.approx(3.25), pytest.approx(4.35)))
    assert [one.unit for one in (lag, under, over, stable, back)] == ["s", "ratio", "ratio", "turns", "s"]
    assert not any(one.censored for one in (lag, under, over, stable, back))
    truth = (2.5 / 2 + 3.5 / 3) / 74, 8.5 * 2 / 74
    # The figure has each change half-way between two samples, which is a quarter of a second after the truth.
    assert (under.figure, over.figure) == (pytest.approx((2.75 / 2 + 3.75 / 3) / 74), pytest.approx(8.75 * 2 / 74))
    for finding, value in ((under, truth[0]), (over, truth[1])):
        assert finding.interval is not None and finding.interval[0] < value < finding.interval[1]
        assert finding.interval[1] - finding.interval[0] < 0.05
    assert stable.figure == 0
    assert stable.evidence["changes of the number ready"] == 3
    assert (back.figure, back.interval) == (pytest.approx(8.75), (pytest.approx(8.25), pytest.approx(9.35)))
    assert under.evidence["ready replicas"] == "as haproxy api has them"


def test_never_scaled_is_censored_and_fails() -> None:
    """32 s waited for a second replica, limit 8 s; so long a wait within the limit would prove nothing."""
    never = run(((-2.0, 1),), wanted=((-2.0, 1),))
    lag, under, over, stable, back = (judged(spec, never) for spec in ALL)
    assert (lag.outcome, lag.figure, lag.interval, lag.censored) == (FAIL, None, (32, math.inf), True)
    assert "never wanted so many" in lag.reason
    assert (
        under.outcome is FAIL
        and under.interval is not None
        and under.figure == pytest.approx((16 / 2 + 16 * 2 / 3) / 74)
    )
    assert over.outcome is PASS and over.figure == 0
    assert stable.outcome is PASS
    assert back.outcome is INCONCLUSIVE and "none could be given back" in back.reason
    assert (back.figure, back.interval, back.censored) == (None, None, False)
    short = judged(LAG, never, limit_s=40.0)
    assert (short.outcome, short.censored) == (INCONCLUSIVE, True) and "more than 40 s would settle it" in short.reason


def test_the_autoscalers_own_part_of_the_lag_is_judged_by_itself() -> None:
    """Wanted 1.5 s after the demand rose, whenever the replicas are ready; never wanted is censored."""
    trigger = CriterionSpec("scaling_trigger", {"limit_s": 5.0})
    late = run(((-2.0, 1), (23.5, 2), (39.5, 3), (52.5, 1)), wanted=((-2.0, 1), (13.5, 2), (29.5, 3), (52.0, 1)))
    found = judged(trigger, late)
    assert found.outcome is PASS and found.interval is not None
    assert found.interval[0] < 1.5 < found.interval[1] and found.interval[1] - found.interval[0] < 1.5
    assert judged(trigger, late, limit_s=1.0).outcome is FAIL
    never = judged(trigger, run(((-2.0, 1),), wanted=((-2.0, 1),)))
    assert (never.outcome, never.figure, never.interval, never.censored) == (FAIL, None, (32, math.inf), True)
    unknown = judged(trigger, run(), wanted="")
    assert unknown.outcome is INCONCLUSIVE and "was not sampled" in unknown.reason


def test_the_parts_of_a_late_start_are_told_apart() -> None:
    """RunRequest 1.5 s after the demand rose, ready 10 s later."""
    late = run(((-2.0, 1), (23.5, 2), (39.5, 3), (52.5, 1)), wanted=((-2.0, 1), (13.5, 2), (29.5, 3), (52.0, 1)))
    lag = judged(LAG, late)
    assert lag.outcome is FAIL and lag.figure == pytest.approx(11.75)
    assert lag.evidence["for 2 replicas, from 12 s on: wanted to ready (s)"] == pytest.approx(10)


def test_a_pass_says_which_turns_nobody_saw() -> None:
    """A number that turns twice between two samples is the same in both."""
    assert judged(STABLE, run()).reason.endswith("a turn that is undone before the next sample, every 1 s, is not seen")


def test_flapping_is_counted_in_what_is_wanted_and_in_what_is_ready() -> None:
    flips = [(5.0 * i, 3 if i % 2 else 1) for i in range(15)]
    for flapping in (run(GOOD, wanted=[(-2.0, 1), *flips]), run([(-2.0, 1), *flips])):
        stable = judged(STABLE, flapping)
        assert stable.outcome is FAIL and stable.figure == 13 - 1
    # 5, 10 … 70: at 0 nothing changes.
    assert judged(STABLE, run(GOOD, wanted=[(-2.0, 1), *flips])).evidence["changes of the number wanted"] == 14


def test_scale_in_that_could_not_be_seen_is_inconclusive_and_one_that_was_not_fails() -> None:
    stays = run(GOOD[:-1])
    kept = judged(IN, stays)
    assert (kept.outcome, kept.figure, kept.interval, kept.censored) == (FAIL, None, (30, math.inf), True)
    kubernetes = judged(IN, stays, limit_s=360.0)
    assert kubernetes.outcome is INCONCLUSIVE and "a recovery of more than 360 s" in kubernetes.reason
    assert judged(OVER, stays).outcome is FAIL
    again = run((*GOOD, (60.0, 3), (70.0, 1)))
    assert judged(IN, again).interval == (pytest.approx(26.25 - 0.5, abs=0.6), pytest.approx(26.35, abs=0.6))


def test_a_load_below_what_one_replica_takes_says_that_the_peak_is_too_low() -> None:
    """A longer recovery, the remedy of a load that never falls, would not help."""
    for spec in (LAG, IN):
        found = judged(spec, run(), capacity_per_s=50.0)
        assert found.outcome is INCONCLUSIVE and "never rose" in found.reason and "a higher peak" in found.reason


def test_a_replica_that_dies_and_comes_back_is_no_flapping_of_its_controller() -> None:
    died = run((*GOOD[:-1], (36.5, 2), (39.5, 3), GOOD[-1]), wanted=((-2.0, 1), (13.5, 2), (29.5, 3), (52.0, 1)))
    stable = judged(STABLE, died)
    assert stable.outcome is PASS and stable.figure == 0 and stable.evidence["changes of the number ready"] == 5


@pytest.mark.parametrize(("ready", "kept", "broken"), [(GOOD, 26 / 3, None), (ONE, 16.0, 26.0)])
def test_capacity_is_bracketed_by_the_run(
    ready: Sequence[tuple[float, int]], kept: float, broken: float | None
) -> None:
    """Three replicas never had more than 26/s. One alone kept its SLO at 16/s, and broke it at 26/s."""
    found = elasticity.measure(run(ready), ElasticityCriterion())
    assert isinstance(found, Elasticity)
    assert found.capacity.kept_per_s == pytest.approx(kept)
    assert (found.capacity.broken_per_s, found.capacity.given) == (broken, False)


def test_of_what_one_replica_did_not_take_the_least_is_told() -> None:
    """Above 10 starts/s it is slow, so at 16 and at 26."""
    found = elasticity.measure(run(ONE, physical=10.0), ElasticityCriterion())
    assert isinstance(found, Elasticity)
    assert (found.capacity.kept_per_s, found.capacity.broken_per_s) == (6, 16)
    assert "capacity of a replica, as given (starts/s)" not in found.describe()


@pytest.mark.parametrize(("lasts_s", "kept"), [(4, 6), (5, 16)])
def test_a_level_shows_what_a_replica_takes_once_it_has_lasted_for_five_seconds(lasts_s: int, kept: float) -> None:
    """Two of which it takes to settle."""
    whole = run(ONE)
    level = ((0, 6.0), (12, 6.0), (12, 16.0), (12 + lasts_s, 16.0), (12 + lasts_s, 6.0), (74, 6.0))
    short = dataclasses.replace(whole, header=dataclasses.replace(whole.header, level=level))
    found = elasticity.measure(short, ElasticityCriterion())
    assert isinstance(found, Elasticity) and found.capacity.kept_per_s == kept


@pytest.mark.parametrize(
    ("per_s", "failed", "loads"),
    [
        (2, 0, []),  # fewer in a second say nothing
        (3, 0, [(5.0, True)]),
        (20, 0, [(5.0, True)]),
        (20, 5, [(5.0, True)]),  # 95 % of them are good, and have to be
        (20, 6, [(5.0, False)]),
    ],
)
def test_a_load_is_kept_with_95_percent_of_three_requests_a_second(
    per_s: int, failed: int, loads: list[tuple[float, bool]]
) -> None:
    """Of two replicas with 10 starts/s for seven seconds, of which two are left out."""
    good = 7 * per_s - failed
    outcomes = ["http 502" if number >= good else OK for number in range(7 * per_s)]
    requests = [Request(number // per_s, "node", "GET /", each, 0.1) for number, each in enumerate(outcomes)]
    two = Steps(((0.0, 2.0),), 7.0)
    whole = run()
    header = dataclasses.replace(whole.header, level=((0, 10.0), (7, 10.0)))
    recording = dataclasses.replace(whole, header=header, slices=slices(requests))
    slo = ServiceLevel(0.5, {})
    assert list(elasticity._observed_loads(recording, Sampled(two, two, two, 1.0, 1.0, math.inf), slo)) == loads
    later = dataclasses.replace(recording, header=dataclasses.replace(header, level=((0, 10.0), (8, 10.0))))
    half = Steps(two.points, 7.5)
    cut = list(elasticity._observed_loads(later, Sampled(half, half, half, 1.0, 1.0, math.inf), slo))
    assert cut == loads, "a second of which only a half is known is none"
    none = Steps(((0.0, 0.0),), 7.0)
    assert not list(elasticity._observed_loads(recording, Sampled(none, none, none, 1.0, 1.0, math.inf), slo))
    idle = dataclasses.replace(recording, header=dataclasses.replace(header, level=((0, 0.0), (7, 0.0))))
    assert not list(elasticity._observed_loads(idle, Sampled(two, two, two, 1.0, 1.0, math.inf), slo))


def test_a_capacity_that_is_only_bracketed_decides_nothing_within_its_bracket() -> None:
    """From 16 to 26 starts/s a replica: 26 starts/s may need one or two; but what both need is known."""
    never = run(((-2.0, 1),))
    unknown = {"capacity_per_s": 0.0, "capacity_remedy": "give --capacity-per-replica"}
    asked = "one replica takes 16 to 26 starts/s, and to know that exactly would settle it: give --capacity-per-replica"
    lag = judged(LAG, never, **unknown)
    assert (lag.outcome, lag.interval, lag.censored) == (INCONCLUSIVE, (0, math.inf), True)
    assert lag.reason.endswith(asked)
    under = judged(UNDER, never, limit=0.1, **unknown)
    assert under.interval == (0, pytest.approx(16 / 2 / 74)) and under.outcome is INCONCLUSIVE
    assert under.reason.endswith(asked)
    assert judged(UNDER, never, limit=0.15, **unknown).outcome is PASS
    assert judged(LAG, never).outcome is FAIL


def test_a_run_that_shows_no_capacity_asks_for_it() -> None:
    """Every request of the baseline failed, so there is no SLO that a replica could have kept."""
    broken = run(failed_at=range(12))
    finding = judged(LAG, broken, capacity_per_s=0.0, capacity_remedy="give --capacity-per-replica")
    assert finding.outcome is INCONCLUSIVE
    assert finding.reason == "nothing shows what one replica takes within its SLO: give --capacity-per-replica"
    assert judged(LAG, broken).outcome is PASS


def gone(error: str, probe: str = "http_json", source: str = "http://127.0.0.1:1/autoscaler") -> ProbeSample:
    return ProbeSample(1.0, probe, source, {}, error)


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        (run(None), "no ready replicas were sampled: name them with --autoscaler"),
        (run(None, extra=[gone("connection refused")]), "connection refused"),
        (run(None, extra=[gone("no such file", "haproxy", "api")]), "(api: no such file): name them with --autoscaler"),
        (run(silent=(20, 30)), "not known for 11 s of the run: name them with --autoscaler"),
        (run(extra=[ProbeSample(1.0, "haproxy", "web", {"servers_up": 1.0})]), "let the probe haproxy count one"),
        (dataclasses.replace(run(), header=dataclasses.replace(run().header, level_unit="users")), "the open model"),
        (dataclasses.replace(run(), header=dataclasses.replace(run().header, phases=())), "no phase 'baseline'"),
        (dataclasses.replace(run(), end=None, slices=(), probes=run().probes[:5]), "before the load rose"),
    ],
)
def test_without_evidence_every_one_of_them_is_inconclusive(recording: Recording, words: str) -> None:
    for spec in ALL:
        finding = judged(spec, recording, remedy="name them with --autoscaler")
        assert (finding.outcome, finding.figure, finding.censored) == (INCONCLUSIVE, None, False)
        assert words in finding.reason


def test_a_health_page_that_has_a_figure_called_ready_is_no_autoscaler() -> None:
    page = ProbeSample(1.0, "http_json", "http://127.0.0.1:1/health", {"ready": 1.0})
    assert "no ready replicas" in judged(LAG, run(None, extra=[page])).reason


def test_what_an_autoscaler_calls_its_numbers_is_for_the_scenario_to_say() -> None:
    """Otherwise its page is no witness, whatever it shows."""
    page = run(probe="http_json")
    unnamed = judged(LAG, page, ready="", wanted="")
    assert (unnamed.outcome, unnamed.reason) == (INCONCLUSIVE, "no ready replicas were sampled")
    away = run(None, extra=[gone("connection refused")])
    assert judged(LAG, away, ready="", wanted="").reason == "no ready replicas were sampled"
    renamed = dataclasses.replace(
        page,
        probes=tuple(
            dataclasses.replace(one, values={f"pods.{name}": value for name, value in one.values.items()})
            for one in page.probes
        ),
    )
    assert judged(LAG, renamed).outcome is INCONCLUSIVE
    found = judged(LAG, renamed, ready="pods.ready", wanted="pods.desired")
    assert (found.outcome, found.figure) == (PASS, pytest.approx(3.75))


def test_kubernetes_or_an_autoscaler_alone_will_do() -> None:
    for probe in ("kubernetes", "http_json"):
        lag = judged(LAG, run(probe=probe))
        assert lag.outcome is PASS
        assert str(lag.evidence["ready replicas"]).startswith(f"as {probe}")


def test_no_rise_and_no_fall_of_the_demand() -> None:
    flat = [judged(spec, run(), capacity_per_s=100.0) for spec in (LAG, IN)]
    assert [one.outcome for one in flat] == [INCONCLUSIVE] * 2
    assert ["never rose" in one.reason for one in flat] == [True, True], "what never rose gives nothing back either"


def test_errors_count_from_the_baseline_to_the_end_and_near_the_changes() -> None:
    """In the second of a drain three of six requests fail, and later three more."""
    bad = judged(ERRORS, run(failed_at=(*range(48, 53), 60)), limit=0.001)
    assert bad.outcome is FAIL
    assert (bad.kind, bad.unit, bad.limit) == ("scaling_errors", "ratio", 0.001)
    after_the_baseline = 16 * 16 + 16 * 26 + 30 * 6
    assert bad.figure == pytest.approx(18 / after_the_baseline)
    assert bad.interval is not None and bad.interval[0] < bad.figure < bad.interval[1]
    # The replicas changed at 52.5 s, seen at 52.75 s: the requests of 50, 51 and 52 s are near.
    assert bad.evidence["failed"] == 18 and bad.evidence["failed within 2 s of a change of the ready replicas"] == 9
    assert judged(ERRORS, run(failed_at=(3,))).figure == 0
    assert judged(ERRORS, run(None), baseline="rest").outcome is INCONCLUSIVE


def flapping(period_s: float, from_s: float, until_s: float) -> list[tuple[float, int]]:
    """Two replicas and three by turns, from and to two."""
    flips = int((until_s - from_s) / period_s)
    return [(-2.0, 2), *((from_s + i * period_s, 3 - i % 2) for i in range(flips)), (until_s, 2)]


def test_what_turns_as_fast_as_it_is_sampled_is_counted_from_below() -> None:
    """Three flips of a second each are two turns as seen, and may have been more: no PASS at a limit of five."""
    brief = judged(STABLE, run(flapping(1, 20, 23)), limit=5)
    assert brief.outcome is INCONCLUSIVE
    assert brief.interval == (brief.figure, math.inf)
    assert "turns as fast as it is sampled, every 1 s" in brief.reason
    assert "sampling at least twice as fast would settle it" in brief.reason
    long = judged(STABLE, run(flapping(1, 20, 60)), limit=5)
    assert long.outcome is FAIL, "what was seen is too much already"
    slow = judged(STABLE, run(flapping(4, 20, 32)), limit=5)
    assert slow.outcome is PASS and slow.interval is not None and slow.interval[1] == slow.figure
    assert slow.evidence["sampled every (s)"] == 1


@pytest.mark.parametrize(("missing_s", "outcome"), [(2, PASS), (3, INCONCLUSIVE)])
def test_between_samples_more_than_three_seconds_apart_turns_may_hide(missing_s: int, outcome: Outcome) -> None:
    """A second more than what is missing; a longer silence than five seconds would be no supply at all."""
    found = judged(STABLE, run(silent=(20, 20 + missing_s)))
    assert (found.outcome, found.figure) == (outcome, 0)
    assert found.interval == (0, 0 if outcome is PASS else math.inf)
    assert ("for 4.0 s there was no sample" in found.reason) is (outcome is INCONCLUSIVE)


def test_the_jitter_is_the_changes_beyond_those_of_the_demand_in_a_minute() -> None:
    """Three changes for three of the demand; then five, in 74 s."""
    assert judged(STABLE, run()).evidence["jitter (changes beyond the demand's, per minute)"] == 0
    busy = [(-2.0, 1), (10.0, 2), (20.0, 3), (30.0, 2), (40.0, 3), (50.0, 1)]
    found = judged(STABLE, run(busy))
    assert found.evidence["changes of the number ready"] == 5
    assert found.evidence["jitter (changes beyond the demand's, per minute)"] == round(2 / 74 * 60, 3)


@pytest.mark.parametrize(("failed_at", "near"), [(13, 0), (14, 8), (18, 8), (19, 0)])
def test_failures_within_two_seconds_of_a_change_are_counted(failed_at: int, near: int) -> None:
    """Samples at 15.6 s and 16.6 s have the change at 16.1 s; a second counts when a part of it is so near. Half of the
    16 requests of one fail.
    """
    one = run(((-2.0, 1), (16.0, 2)), failed_at=(failed_at,))
    later = tuple(dataclasses.replace(sample, t=sample.t + 0.35) for sample in one.probes)
    found = judged(ERRORS, dataclasses.replace(one, probes=later))
    assert found.evidence["failed within 2 s of a change of the ready replicas"] == near


@pytest.mark.parametrize(("replicas", "until_s"), [(2, 40.0), (2.5, 20.0), (1, 40.0), (3, 20.0)])
def test_a_rise_lasts_until_fewer_are_needed(replicas: float, until_s: float) -> None:
    needed = Steps(((0.0, 1), (10.0, 3), (20.0, 2)), 40.0)
    assert elasticity._lasts_until_s(needed, 10.0, replicas) == until_s


def test_a_run_that_ended_with_the_baseline_has_no_rise() -> None:
    ended = run()
    before = ended.header.phases[0]
    assert before.name == "baseline"
    short = dataclasses.replace(ended, header=dataclasses.replace(ended.header, phases=(before,)))
    for criterion in (LAG, STABLE):
        reason = judged(criterion, short).reason
        assert "the run ended before the load rose, in the baseline" in reason, reason


def test_a_capacity_that_was_given_is_no_estimate() -> None:
    """And what the run shows of it is told beside it."""
    measured = elasticity.measure(run(), criteria.load(CriterionSpec("scaling_lag", {**PAGE, "capacity_per_s": 10.0})))  # type: ignore[arg-type]
    assert isinstance(measured, Elasticity) and measured.capacity.given
    assert (measured.capacity.low_per_s, measured.capacity.high_per_s) == (10, 10)
    assert measured.describe()["capacity of a replica, as given (starts/s)"] == 10


def test_turns_of_a_demand_that_is_bracketed_leave_open_how_many_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supply turns five times, and the demand three times or once."""

    def turning(turns: int) -> Steps:
        return Steps(tuple((10.0 * n, 1 + n % 2) for n in range(turns + 2)), 80.0)

    supply = Sampled(turning(5), turning(5), turning(5), 1.0, 1 / 3, 10.0)
    capacity = elasticity.Capacity(10.0, 20.0, False, 10.0, 20.0)
    measured = Elasticity("haproxy", capacity, turning(3), turning(1), supply, None, 1)
    monkeypatch.setattr(elasticity, "measure", lambda *_: measured)
    found = judged(STABLE, run())
    assert (found.figure, found.interval) == (2, (2, 4))
    assert found.evidence["sampled every (s)"] == 0.333


@pytest.mark.parametrize(
    ("points", "fall_s", "back_s"),
    [
        (((0.0, 1.0),), 10.0, 0.0),  # there were never more
        (((0.0, 1.0), (5.0, 3.0), (12.0, 1.0)), 10.0, 2.0),
        (((0.0, 1.0), (5.0, 3.0), (9.0, 1.0)), 10.0, 0.0),  # before it fell
        (((0.0, 1.0), (5.0, 3.0), (12.0, 1.0), (13.0, 2.0), (14.0, 0.0)), 10.0, 4.0),  # for good
        (((0.0, 1.0), (5.0, 3.0), (12.0, 1.0), (13.0, 2.0)), 10.0, None),
    ],
)
def test_replicas_are_given_back_when_there_are_no_more_than_before_for_good(
    points: tuple[tuple[float, float], ...], fall_s: float, back_s: float | None
) -> None:
    assert scale_in._given_back_s(points, 1, fall_s) == back_s


def test_where_the_demand_never_rose_nothing_is_known_of_the_trigger() -> None:
    """5 a second all the time, where one replica serves 15."""
    risen = run(((-2.0, 1),), wanted=((-2.0, 1),))
    flat = dataclasses.replace(risen, header=dataclasses.replace(risen.header, level=((0.0, 5.0), (74.0, 5.0))))
    found = criteria.load(CriterionSpec("scaling_trigger", {**PAGE, "capacity_per_s": 15.0})).judge(flat)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("the demand never rose, so there was nothing to decide")
