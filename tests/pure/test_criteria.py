"""Criteria: discovery, parameters and their errors, and each guard on its own."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from harness import criteria
from harness.analysis.histogram import bucket_index
from harness.criteria._outcome import percent, seconds
from harness.criteria._seen import Seen
from harness.errors import ConfigurationError
from harness.findings import ALL, BASELINE, CLIENTS, Basis, Finding, Outcome
from harness.recording import ProbeSample, Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.marks import BlockedMark, ExceptionMark, GateMark, HealthMark, NodeMark, StartsMark
from harness.recording.values import OK, SHED, SHED_WITHOUT_DELAY, UNSERVED, Scalar
from tests.recordings import CANARY, healthy, login_herd

REQUIRED = {
    "spike_delivered",
    "release_skew",
    "error_ratio",
    "latency_quantile",
    "recovery_time",
    "memory_growth",
    "generator_health",
    "target_healthy",
    "faults_injected",
    "run_complete",
}


def judged(criterion: str, run: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(run)


def marked(run: Recording, *marks: Any, without: type | None = None) -> Recording:
    kept = tuple(mark for mark in run.marks if without is None or not isinstance(mark, without))
    return dataclasses.replace(run, marks=(*kept, *marks))


def test_all_criteria_are_found_by_their_file_names() -> None:
    assert set(criteria.available()) >= REQUIRED
    assert not any(name.startswith("_") for name in criteria.available())


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_each_criterion_explains_itself_and_its_parameters(name: str) -> None:
    assert criteria.summary(name).endswith(".")
    for parameter in criteria.parameters(name):
        assert parameter.kind in (float, int, str)
        assert parameter.help
        assert not parameter.help.endswith(".")
        assert parameter.problem(parameter.default) is None
    assert judged(name, healthy()).outcome is Outcome.PASS
    assert judged(name, healthy(), name="again").criterion == "again"


def test_an_unknown_criterion_names_the_valid_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no criterion 'luck'. Choose one of: .*, error_ratio, "):
        criteria.load(CriterionSpec("luck"))
    with pytest.raises(ConfigurationError, match=r"no criterion 'latency_quantil'. Did you mean latency_quantile\?"):
        criteria.load(CriterionSpec("latency_quantil"))
    with pytest.raises(ConfigurationError):
        criteria.load(CriterionSpec("_parameter"))


def test_an_unknown_parameter_names_the_valid_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no parameter 'limits'\. Valid ones: limit, phase"):
        criteria.load(CriterionSpec("error_ratio", {"limits": 0.1}))


@pytest.mark.parametrize("bad", [-0.1, 1.5, math.nan, math.inf, "0.1", True, None])
def test_a_bad_value_is_refused(bad: Scalar) -> None:
    with pytest.raises(ConfigurationError, match=r"error_ratio: limit .*: give a number from 0 to 1"):
        criteria.load(CriterionSpec("error_ratio", {"limit": bad}))


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_a_limit_without_an_end_is_none(bad: float) -> None:
    """Everything would be within it."""
    with pytest.raises(ConfigurationError, match=r"latency_quantile: limit_s .*: give a number of 0 or more"):
        criteria.load(CriterionSpec("latency_quantile", {"limit_s": bad}))


def test_whole_numbers_are_fine_where_fractions_are_expected_but_not_the_other_way_round() -> None:
    loaded = criteria.load(CriterionSpec("latency_quantile", {"limit_s": 5}))
    assert getattr(loaded, "limit_s", None) == 5.0
    with pytest.raises(ConfigurationError, match=r"hold_s 2\.5: give a whole number of 1 or more"):
        criteria.load(CriterionSpec("recovery_time", {"hold_s": 2.5}))


def test_all_errors_come_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        criteria.load_all(
            [
                CriterionSpec("error_ratio", {"limit": -1, "colour": "red"}),
                CriterionSpec("luck"),
                CriterionSpec("memory_growth"),
                CriterionSpec("memory_growth", {"limit_bytes": 1e9}),
            ]
        )
    assert len(caught.value.messages) == 4
    assert "2 criteria are called 'memory_growth'" in str(caught.value)


def test_a_criterion_can_be_used_twice_under_two_names() -> None:
    specs = [CriterionSpec("latency_quantile"), CriterionSpec("latency_quantile", {"quantile": 0.5, "name": "p50"})]
    assert [one.judge(healthy()).criterion for one in criteria.load_all(specs)] == ["latency_quantile", "p50"]


@pytest.mark.parametrize("name", ["error_ratio", "latency_quantile", "spike_delivered", "generator_health"])
def test_a_phase_that_is_not_there_is_inconclusive_and_names_those_that_are(name: str) -> None:
    found = judged(name, healthy(), phase="rush")
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "'rush'; its phases are baseline, spike, recovery" in found.reason


@pytest.mark.parametrize(
    ("failed", "requests", "expected"),
    [(0, 510, "PASS"), (12, 510, "PASS"), (26, 510, "INCONCLUSIVE"), (50, 510, "FAIL"), (0, 20, "INCONCLUSIVE")],
)
def test_error_ratio_decides_on_the_interval(failed: int, requests: int, expected: str) -> None:
    found = judged("error_ratio", marked(failing_in_the_spike(failed, requests), without=GateMark))
    assert found.outcome.value == expected
    assert found.basis is Basis.ESTIMATE
    assert "of these requests only" in found.reason, "one second does not show how others would differ"


def failing_in_the_spike(failed: int, requests: int) -> Recording:
    ok = Slice(30, "w", "x", "ok", requests - failed, 0, {1000: requests - failed})
    bad = Slice(30, "w", "x", "timeout", failed, 0, {})
    return dataclasses.replace(healthy(), slices=(ok, bad))


@pytest.mark.parametrize(("failed", "expected"), [(0, "PASS"), (25, "PASS"), (26, "FAIL"), (500, "FAIL")])
def test_the_error_ratio_of_a_herd_is_a_census(failed: int, expected: str) -> None:
    found = judged("error_ratio", failing_in_the_spike(failed, 510))
    assert (found.outcome.value, found.basis) == (expected, Basis.CENSUS)
    assert found.interval == (found.figure, found.figure)
    assert "of this herd" in found.reason
    assert "confidence" not in found.reason


@pytest.mark.parametrize(("limit_s", "expected"), [(0.019, "FAIL"), (0.021, "PASS")])
def test_the_quantile_of_a_herd_is_a_census(limit_s: float, expected: str) -> None:
    herd = Slice(30, "w", "x", "ok", 500, 0, {bucket_index(at): 1 for at in range(100, 100 + 500)})
    late = dataclasses.replace(herd, latency={bucket_index(10_000): 470, bucket_index(20_000): 30})
    found = judged("latency_quantile", dataclasses.replace(healthy(), slices=(late,)), limit_s=limit_s)
    assert (found.outcome.value, found.basis) == (expected, Basis.CENSUS)
    assert found.interval == (found.figure, found.figure)
    assert found.reason == f"p95 of the 500 requests of this herd is 20 ms, limit {limit_s * 1000:g} ms"


def test_what_is_sent_long_after_a_herd_is_no_part_of_it() -> None:
    """Most of the requests of the phase were sent in other seconds, so it is an estimate."""
    later = tuple(Slice(31 + t, "w", "x", "ok", 50, 0, {1000: 50}) for t in range(40))
    herd = Slice(30, "w", "x", "ok", 500, 0, {1000: 500})
    longer = dataclasses.replace(
        healthy().header, phases=(Phase("baseline", 0, 30), Phase("spike", 30, 71), Phase("recovery", 71, 91))
    )
    run = dataclasses.replace(healthy(), header=longer, slices=(herd, *later))
    assert judged("error_ratio", run).basis is Basis.ESTIMATE
    assert judged("error_ratio", dataclasses.replace(run, slices=(herd, *later[:9]))).basis is Basis.CENSUS


def test_a_herd_that_was_cut_off_may_have_failed_or_not() -> None:
    """Of 500, 40 had no answer when the run was killed 30 s later: none of them failed, or all of them."""
    ok = Slice(30, "w", "x", "ok", 460, 0, {1000: 460})
    waiting = Slice(30, "w", "x", "unfinished", 40, 0, {})
    run = dataclasses.replace(healthy(), slices=(ok, waiting), end=None)
    found = judged("error_ratio", run)
    assert (found.outcome, found.interval) == (Outcome.INCONCLUSIVE, (0.0, 0.08))
    quantile = judged("latency_quantile", run)
    assert quantile.interval is not None
    assert quantile.interval[0] > 5
    assert quantile.interval[1] == math.inf


@pytest.mark.parametrize("outcome", ["unfinished", "unserved", "http 500"])
def test_whatever_is_not_ok_is_an_error(outcome: str) -> None:
    ok = Slice(30, "w", "x", "ok", 400, 0, {1000: 400})
    bad = Slice(30, "w", "x", outcome, 100, 0, {})
    found = judged("error_ratio", dataclasses.replace(healthy(), slices=(ok, bad)))
    assert (found.outcome, found.figure) == (Outcome.FAIL, 0.2)


def mixed(**phases: dict[str, int]) -> Recording:
    """Starts by class in each phase."""
    run = healthy()
    marks = [StartsMark(phase.start_s, "w", phases[phase.name]) for phase in run.header.phases if phase.name in phases]
    header = dataclasses.replace(run.header, level_unit="starts/s")
    return dataclasses.replace(run, header=header, marks=tuple(marks))


EVEN = {"a": 90, "b": 30}


@pytest.mark.parametrize(
    ("spike", "recovery", "expected"),
    [
        ({"a": 300, "b": 100}, EVEN, "PASS"),
        ({"a": 4, "b": 1}, EVEN, "PASS"),
        ({"a": 300, "b": 100}, {"b": 120}, "INCONCLUSIVE"),
        ({"a": 400}, EVEN, "INCONCLUSIVE"),
        ({"a": 300, "b": 100}, {"a": 80, "b": 40}, "INCONCLUSIVE"),
    ],
)
def test_another_mix_of_users_than_in_the_baseline_voids_the_comparison(
    spike: dict[str, int], recovery: dict[str, int], expected: str
) -> None:
    found = judged("user_mix", mixed(baseline=EVEN, spike=spike, recovery=recovery))
    assert found.outcome.value == expected
    assert found.voids == ((BASELINE,) if expected != "PASS" else ())
    assert criteria.rests_on("recovery_time") == (CLIENTS, BASELINE)
    assert criteria.rests_on("error_ratio") == (CLIENTS,)


def shedding(phase_t: int, shed: int, unsaid: int = 0, *, judged_apart: bool = True) -> Recording:
    """500 requests in one second, some of them turned away; the others are answered."""
    slices = (
        Slice(phase_t, "w", "x", "ok", 500 - shed - unsaid, 0, {1000: 500 - shed - unsaid}),
        Slice(phase_t, "w", "x", SHED, shed, 0, {10: shed}),
        Slice(phase_t, "w", "x", SHED_WITHOUT_DELAY, unsaid, 0, {10: unsaid}),
    )
    run = healthy()
    specs = (*run.header.criteria, *([CriterionSpec("shed_ratio")] if judged_apart else []))
    return dataclasses.replace(run, slices=slices, header=dataclasses.replace(run.header, criteria=specs))


@pytest.mark.parametrize(
    ("shed", "limit", "expected"),
    [(0, 0.5, "PASS"), (200, 0.5, "PASS"), (200, 0.4, "INCONCLUSIVE"), (200, 0.2, "FAIL")],
)
def test_shedding_is_judged_apart_on_its_interval(shed: int, limit: float, expected: str) -> None:
    found = judged("shed_ratio", marked(shedding(30, shed), without=GateMark), limit=limit)
    assert (found.outcome.value, found.figure) == (expected, shed / 500)
    assert ("would settle it" in found.reason) is (found.outcome is Outcome.INCONCLUSIVE)
    unsaid = marked(shedding(30, shed - 1, 1), without=GateMark)
    refused = judged("shed_ratio", unsaid, limit=limit, needs_retry_after=True)
    assert refused.outcome is Outcome.FAIL and refused.reason.endswith("; 1 of them without a valid Retry-After")
    assert "would settle it" not in refused.reason, "no more requests would make it one"
    of_herd = judged("shed_ratio", shedding(30, shed), limit=limit)
    assert (of_herd.basis, of_herd.interval) == (Basis.CENSUS, (shed / 500, shed / 500))
    assert of_herd.outcome is (Outcome.PASS if shed / 500 <= limit else Outcome.FAIL)


def test_shedding_is_failing_where_nobody_judges_it() -> None:
    assert judged("error_ratio", shedding(30, 200, judged_apart=False)).figure == 0.4
    assert judged("error_ratio", shedding(30, 200)).figure == 0
    everything = judged("error_ratio", shedding(30, 500))
    assert everything.outcome is Outcome.INCONCLUSIVE, "nobody was let in, so nothing is known of answers"


def test_how_many_were_shed_is_said_and_of_whom() -> None:
    of_herd = judged("shed_ratio", shedding(30, 20))
    assert of_herd.reason == "20 of 500 requests of this herd were turned away, limit 50 %"
    found = judged("shed_ratio", marked(shedding(30, 19, 1), without=GateMark))
    assert found.reason.startswith("20 of 500 requests were turned away, limit 50 %")
    assert found.reason.endswith("; 1 of them without a valid Retry-After")
    assert found.evidence == {"requests": 500, "with Retry-After": 19, "without Retry-After": 1}


@pytest.mark.parametrize(("limit", "shows"), [(0.5, True), (0.999, True), (1.0, False)])
def test_what_was_shed_shows_where_less_than_all_may_be(limit: float, shows: bool) -> None:
    shed = criteria.load(CriterionSpec("shed_ratio", {"limit": limit})).failures_seen(healthy())
    assert list(shed) == ([Seen(30, 31, only=frozenset({SHED, SHED_WITHOUT_DELAY}))] if shows else [])


def test_a_delay_may_be_asked_for_of_everything_that_is_shed() -> None:
    assert judged("shed_ratio", shedding(30, 20, 1), needs_retry_after=True).outcome is Outcome.FAIL
    assert judged("shed_ratio", shedding(30, 20, 0), needs_retry_after=True).outcome is Outcome.PASS
    assert judged("shed_ratio", shedding(30, 20, 1)).outcome is Outcome.PASS


def test_too_few_samples_say_how_many_are_needed() -> None:
    few = Slice(30, "w", "x", "ok", 31, 0, {1000: 31})
    found = judged("latency_quantile", dataclasses.replace(healthy(), slices=(few,)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason == "59 samples needed for p95, 31 seen"
    slow = Slice(30, "w", "x", "ok", 31, 0, {14_000: 31})
    assert judged("latency_quantile", dataclasses.replace(healthy(), slices=(slow,)), limit_s=1).outcome is (
        Outcome.FAIL
    ), "a few samples that are all too slow prove it all the same"


def test_quick_errors_do_not_make_latency_look_better() -> None:
    found = judged("latency_quantile", login_herd(spike_error_ratio=0.2))
    assert found.outcome is Outcome.FAIL
    assert found.figure is None
    assert "requests failed" in found.reason


def test_requests_of_one_name_can_be_judged_alone() -> None:
    assert judged("error_ratio", healthy(), requests="POST /auth/login").evidence["requests"] == 500
    assert judged("error_ratio", healthy(), requests="nothing").outcome is Outcome.INCONCLUSIVE


def test_skew_adds_the_uncertainty_of_the_clocks_between_nodes_only() -> None:
    run = login_herd(nodes=1)
    alone = marked(run, GateMark(30, "worker-1", "herd", 500, (0, 240_000), 0.02), without=GateMark)
    assert judged("release_skew", alone).outcome is Outcome.PASS
    two = marked(
        run,
        GateMark(30, "worker-1", "herd", 250, (0, 100), 0.01),
        GateMark(30, "worker-2", "herd", 250, (240_000,), 0.02),
        without=GateMark,
    )
    found = judged("release_skew", two)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.figure == pytest.approx(0.24)
    assert found.interval == pytest.approx((0.21, 0.27))
    assert found.voids == (CLIENTS,)


def test_skew_is_not_applicable_without_gates_and_unknown_without_reports() -> None:
    run = healthy()
    no_gate = marked(dataclasses.replace(run, header=dataclasses.replace(run.header, gates=())), without=GateMark)
    assert judged("release_skew", no_gate).outcome is Outcome.PASS
    assert "not applicable" in judged("release_skew", no_gate).reason
    silent = judged("release_skew", marked(run, without=GateMark))
    assert silent.outcome is Outcome.INCONCLUSIVE
    assert silent.voids


def test_a_node_whose_gate_report_is_missing_leaves_the_spike_undelivered() -> None:
    run = healthy()
    kept = tuple(m for m in run.marks if not (isinstance(m, GateMark) and m.node == "worker-2"))
    found = judged("spike_delivered", dataclasses.replace(run, marks=kept))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert (found.figure, found.voids) == (0.5, ALL)


def open_model(served: int, unserved: int) -> Recording:
    run = healthy()
    header = dataclasses.replace(run.header, gates=(), level_unit="starts/s", level=((0, 1000), (91, 1000)))
    parts = (
        Slice(30, "w", CANARY, "ok", served, 0, {1000: served}),
        Slice(30, "w", CANARY, UNSERVED, unserved, 0, {}),
    )
    return dataclasses.replace(run, header=header, slices=parts)


@pytest.mark.parametrize(
    ("served", "unserved", "expected"),
    [(1000, 0, "PASS"), (940, 0, "PASS"), (800, 0, "INCONCLUSIVE"), (900, 100, "INCONCLUSIVE"), (996, 4, "PASS")],
)
def test_arrivals_of_an_open_model_are_held_against_the_plan(served: int, unserved: int, expected: str) -> None:
    """1,000 random arrivals scatter by 32, so 940 are still the plan; 100 that found no user are not."""
    assert judged("spike_delivered", open_model(served, unserved)).outcome.value == expected


def test_a_closed_model_needs_requests_and_nothing_more() -> None:
    run = open_model(100, 0)
    closed = dataclasses.replace(run, header=dataclasses.replace(run.header, level_unit="users"))
    assert judged("spike_delivered", closed).outcome is Outcome.PASS
    assert judged("spike_delivered", dataclasses.replace(closed, slices=())).voids == ALL


def with_generator(run: Recording, **changes: dict[int, float]) -> Recording:
    """Other values of worker-1 in the given seconds."""
    probes = []
    for sample in run.probes:
        values = dict(sample.values)
        if (sample.probe, sample.source) == ("generator", "worker-1"):
            values |= {key: of[int(sample.t)] for key, of in changes.items() if int(sample.t) in of}
        probes.append(dataclasses.replace(sample, values=values))
    return dataclasses.replace(run, probes=tuple(probes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cpu_ratio": {40: 1.0, 41: 1.0, 42: 1.0}}, "INCONCLUSIVE"),
        ({"cpu_ratio": {40: 1.0, 41: 1.0}}, "PASS"),
        ({"cpu_ratio": {10: 1.0, 11: 1.0, 12: 1.0}}, "PASS"),
        ({"loop_lag_s": {50: 0.3, 51: 0.3, 52: 0.3}}, "INCONCLUSIVE"),
        ({"loop_lag_s": {50: 0.3}}, "PASS"),
        ({"loop_lag_s": {50: 1.0}}, "INCONCLUSIVE"),
    ],
)
def test_generator_health_looks_at_three_seconds_from_the_spike_on(
    changes: dict[str, dict[int, float]], expected: str
) -> None:
    found = judged("generator_health", with_generator(healthy(), **changes))
    assert found.outcome.value == expected
    assert ("worker-1" in found.reason) == (expected == "INCONCLUSIVE")


def test_a_generator_that_falls_silent_is_named() -> None:
    run = healthy()

    def quiet(sample: ProbeSample) -> bool:
        return (sample.probe, sample.source) == ("generator", "worker-2") and 40 <= sample.t < 46

    found = judged("generator_health", dataclasses.replace(run, probes=tuple(p for p in run.probes if not quiet(p))))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "worker-2 sent no sample of its own health for 7 s" in found.reason
    none = dataclasses.replace(run, probes=())
    assert "worker-1 has no samples of its own health" in judged("generator_health", none).reason


@pytest.mark.parametrize(("missing_s", "healthy_still"), [(2, True), (3, False)])
def test_a_load_process_may_be_silent_for_three_seconds_and_a_half(missing_s: int, healthy_still: bool) -> None:
    """Samples are a second apart, so that the gap is a second more than what is missing."""
    run = healthy()
    kept = tuple(p for p in run.probes if not (p.source == "worker-2" and 40 <= p.t < 40 + missing_s))
    found = judged("generator_health", dataclasses.replace(run, probes=kept))
    assert (found.outcome is Outcome.PASS) is healthy_still


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (NodeMark(35, "worker-2", "lost", "kill -9"), "worker-2 was lost at 35 s (kill -9): what it printed last"),
        (NodeMark(12, "worker-2", "late"), "worker-2 was late at 12 s"),
        (NodeMark(12, "worker-3", "joined"), "worker-3 sent no final report"),
    ],
)
def test_nodes_that_were_lost_late_or_silent_are_named(mark: NodeMark, said: str) -> None:
    found = judged("generator_health", marked(healthy(), mark))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert said in found.reason


@pytest.mark.parametrize("key", ["loop_lag_s", "cpu_ratio"])
def test_a_load_process_that_tells_half_of_its_health_tells_none(key: str) -> None:
    run = healthy()
    half = tuple(
        dataclasses.replace(sample, values={k: v for k, v in sample.values.items() if k != key})
        if (sample.probe, sample.source) == ("generator", "worker-2")
        else sample
        for sample in run.probes
    )
    found = judged("generator_health", dataclasses.replace(run, probes=half))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("worker-2 has no samples of its own health") and "worker-1" not in found.reason


def test_what_others_were_started_is_told_in_shares_of_all() -> None:
    found = judged("user_mix", mixed(baseline=EVEN, spike={"a": 300, "b": 100}, recovery={"b": 120}))
    assert found.reason.startswith("the recovery had another mix than the baseline (baseline: a 75 %, b 25 %; spike: a")
    assert "recovery: b 100 %" in found.reason


def test_a_node_that_never_came_is_missed() -> None:
    run = healthy()
    more = dataclasses.replace(run, header=dataclasses.replace(run.header, nodes=3))
    assert "3 load processes were planned, 2 took part" in judged("generator_health", more).reason


def test_the_last_answer_of_a_health_check_counts() -> None:
    tried = marked(healthy(), HealthMark(-5, "before", "GET /readyz", False, "starting"))
    assert judged("target_healthy", tried).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("from_s", "level_then", "outcome"),
    [
        (-1, 0.0, Outcome.INCONCLUSIVE),
        (-3, 0.0, Outcome.INCONCLUSIVE),
        (-1, 1.0, Outcome.PASS),  # more load than in the baseline: nobody says that it should have stood that
    ],
)
def test_a_target_of_which_the_last_requests_failed_is_not_known_to_be_back(
    from_s: int, level_then: float, outcome: Outcome
) -> None:
    run = healthy()
    end_s = run.header.phases[-1].end_s
    slices = tuple(
        dataclasses.replace(piece, outcome="http 503", latency={}) if piece.t >= end_s + from_s else piece
        for piece in run.slices
    )
    failed = sum(piece.count for piece in slices if piece.t >= end_s + from_s)
    level = (*run.header.level[:-1], (end_s, level_then))
    found = judged(
        "target_healthy", dataclasses.replace(run, header=dataclasses.replace(run.header, level=level), slices=slices)
    )
    assert found.outcome is outcome, found.reason
    if outcome is Outcome.INCONCLUSIVE:
        assert f"the last {failed} requests, from {end_s + from_s} s on, all failed" in found.reason
        assert not found.voids


@pytest.mark.parametrize(
    ("in_baseline", "from_s", "outcome"),
    [
        (OK, -25, Outcome.INCONCLUSIVE),
        (OK, -4, Outcome.PASS),  # four requests may all fail by bad luck
        ("http 404", -25, Outcome.PASS),  # it was never otherwise
    ],
)
def test_a_page_that_stays_away_is_seen_beside_those_that_are_back(
    in_baseline: str, from_s: int, outcome: Outcome
) -> None:
    """One request a second of 21: too few for the limit of any ratio."""
    run = healthy()
    end_s = run.header.phases[-1].end_s
    page = [
        Slice(t, "a", "GET /rare", "http 500" if t >= end_s + from_s else in_baseline, 1, 0, {}) for t in range(end_s)
    ]
    found = judged("target_healthy", dataclasses.replace(run, slices=(*run.slices, *page)))
    assert found.outcome is outcome, found.reason
    if outcome is Outcome.INCONCLUSIVE:
        assert (
            f"the last 25 requests of GET /rare, from {end_s - 25} s on, all failed, all of them with http 500"
            in found.reason
        )


@pytest.mark.parametrize(("of_ten", "outcome"), [(9, Outcome.INCONCLUSIVE), (8, Outcome.PASS), (None, Outcome.PASS)])
def test_only_a_page_that_was_usually_there_is_missed(of_ten: int | None, outcome: Outcome) -> None:
    """Nine of ten in the baseline; of one that nobody had asked for then nobody knows."""
    run = healthy()
    end_s = run.header.phases[-1].end_s
    page = [Slice(t, "a", "GET /rare", "http 500", 1, 0, {}) for t in range(end_s - 25, end_s)]
    if of_ten is not None:
        page += [
            Slice(t, "a", "GET /rare", OK if t % 10 < of_ten else "http 500", 1, 0, {5: 1} if t % 10 < of_ten else {})
            for t in range(30)
        ]
    found = judged("target_healthy", dataclasses.replace(run, slices=(*run.slices, *page)))
    assert found.outcome is outcome, found.reason


def test_one_good_answer_at_the_very_end_is_enough_to_be_there() -> None:
    run = healthy()
    end_s = run.header.phases[-1].end_s
    last = [piece for piece in run.slices if piece.t >= end_s - 1]
    failed = [dataclasses.replace(piece, outcome="http 503", latency={}) for piece in last]
    assert judged("target_healthy", dataclasses.replace(run, slices=(*run.slices, *failed))).outcome is Outcome.PASS


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_health_check_that_was_not_made_is_inconclusive(when: str) -> None:
    run = healthy()
    kept = tuple(m for m in run.marks if not (isinstance(m, HealthMark) and m.when == when))
    found = judged("target_healthy", dataclasses.replace(run, marks=kept))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert when in found.reason


def test_words_of_figures_have_no_exponent() -> None:
    assert [seconds(value) for value in (0.99974, 0.5, 99.94, 99.96)] == ["1 s", "500 ms", "99.9 s", "100.0 s"]
    assert [percent(value) for value in (0.0125, 9.99, 12)] == ["1.25 %", "999 %", "1,200 %"]


def blocked(*counts: int) -> Recording:
    """So many connections to each of so many places."""
    return marked(healthy(), *(BlockedMark(40, "w", f"10.0.0.{n}:80", count) for n, count in enumerate(counts)))


def test_connections_that_nobody_consented_to_are_counted() -> None:
    none = judged("connections_allowed", healthy())
    assert (none.outcome, none.figure) == (Outcome.PASS, 0)
    for counts, more in (((3, 4), ""), ((1,) * 5, ""), ((1,) * 6, " and 1 more"), ((1,) * 30, " and 25 more")):
        found = judged("connections_allowed", blocked(*counts))
        assert (found.outcome, found.figure, found.voids) == (Outcome.INCONCLUSIVE, sum(counts), ALL)
        assert found.interval == (sum(counts), sum(counts))
        assert f"({counts[0]}){more}: if these" in found.reason
        assert len(found.evidence) == min(20, len(counts))


def test_users_that_set_the_pace_wait_for_no_other() -> None:
    found = judged("enough_users", healthy())
    assert found.outcome is Outcome.PASS and "users set the pace" in found.reason


def test_exceptions_are_told_with_the_most_frequent_kind() -> None:
    def raised(*counts: int) -> Finding:
        marks = (
            ExceptionMark(40, "w", f"Error{n}", "x", "shop.py, line 1, in buy", "task", count)
            for n, count in enumerate(counts)
        )
        return judged("user_exceptions", marked(healthy(), *marks))

    place = "in task (shop.py, line 1, in buy)"
    assert raised(1).reason == f"once Error0: x {place}"
    assert raised(2).reason == f"2 times Error0: x {place}"
    several = raised(2, 5)
    assert several.reason == f"7, of 2 kinds, most of them Error1: x {place} (5)"
    assert (several.outcome, several.figure, several.interval) == (Outcome.FAIL, 7, (7, 7))
    assert several.evidence == {f"Error1: x {place}": 5, f"Error0: x {place}": 2}
    assert len(raised(*range(1, 31)).evidence) == 20


def test_the_health_of_the_busiest_load_process_is_evidence() -> None:
    found = judged("generator_health", with_generator(healthy(), cpu_ratio=dict.fromkeys(range(30, 91), 0.7)))
    assert found.evidence == {"load processes": 2, "cpu_ratio": pytest.approx(0.7)}


def test_of_a_herd_no_samples_are_needed_and_of_others_so_many() -> None:
    """log(0.05) ÷ log(0.95) is 58.4."""
    herd = criteria.load(CriterionSpec("latency_quantile")).judge(healthy())
    others = criteria.load(CriterionSpec("latency_quantile", {"phase": "recovery"})).judge(healthy())
    assert "samples needed" not in herd.evidence
    assert others.evidence["samples needed"] == 59


@pytest.mark.parametrize(("quantile", "shows"), [(0.5, False), (0.949, False), (0.95, True), (0.99, True)])
def test_a_quantile_from_95_on_shows_failures(quantile: float, shows: bool) -> None:
    judging = criteria.load(CriterionSpec("latency_quantile", {"quantile": quantile}))
    assert bool(list(judging.failures_seen(healthy()))) is shows


@pytest.mark.parametrize(("limit", "told"), [(0.5, False), (0.4, True), (0.2, False)])
def test_what_would_settle_how_much_was_shed_is_said_where_it_is_open(limit: float, told: bool) -> None:
    found = criteria.load(CriterionSpec("shed_ratio", {"phase": "recovery", "limit": limit})).judge(shedding(50, 200))
    assert (found.outcome is Outcome.INCONCLUSIVE) is told
    assert found.reason.endswith("; more requests or a longer phase would settle it") is told


@pytest.mark.parametrize(("baseline", "later"), [({}, EVEN), (EVEN, {})], ids=["none before", "none after"])
def test_where_nobody_was_started_there_is_no_mix_to_compare(baseline: dict[str, int], later: dict[str, int]) -> None:
    found = judged("user_mix", mixed(baseline=baseline, spike=later, recovery=later))
    assert found.outcome is Outcome.INCONCLUSIVE and "no mix to compare with" in found.reason
