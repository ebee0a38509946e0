"""The verdict: truth tables of outcomes and guards, and the runs that no criterion may call a pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness import criteria, plugins, verdict
from harness.analysis.histogram import bucket_index
from harness.findings import ALL, CLIENTS, RUN, TARGET, Finding, Outcome, Verdict
from harness.recording import CriterionSpec, End, Recording
from harness.recording.marks import ARRIVALS, NodeMark, StartsMark
from harness.recording.values import Scalar
from harness.verdict import judge
from harness.verdict_cause import RUN_COMPLETE
from tests import recordings

P, I, F = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL  # noqa: E741


class Fixed:
    """A criterion with a known answer."""

    def __init__(self, finding: Finding | Exception) -> None:
        self.finding = finding

    def judge(self, recording: Recording) -> Finding:  # noqa: ARG002
        if isinstance(self.finding, Exception):
            raise self.finding
        return self.finding


def judged(monkeypatch: pytest.MonkeyPatch, findings: Mapping[str, Finding | Exception]) -> Verdict:
    """The verdict of criteria with known answers, on a healthy and complete run."""
    real = criteria.load

    def load(spec: CriterionSpec) -> object:
        return Fixed(findings[spec.criterion]) if spec.criterion in findings else real(spec)

    guards = {name for name, each in findings.items() if isinstance(each, Finding) and each.is_guard}
    monkeypatch.setattr(criteria, "load", load)
    monkeypatch.setattr(criteria, "is_guard", lambda name: name in guards or name == RUN_COMPLETE)
    monkeypatch.setattr(criteria, "evidence_of", lambda name: TARGET if name == "memory" else CLIENTS)
    return judge(recordings.healthy(), [CriterionSpec(name) for name in findings])


def test_a_verdict_looks_at_the_folders_of_the_criteria_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Path] = []
    changed_ns = plugins._changed_ns
    monkeypatch.setattr(plugins, "_changed_ns", lambda folder: looked_at.append(folder) or changed_ns(folder))
    judge(recordings.healthy())
    assert looked_at and len(looked_at) == len(set(looked_at))


def finding(name: str, outcome: Outcome, voids: tuple[str, ...] = (), is_guard: bool = False) -> Finding:
    return Finding(name, name, outcome, f"because {name}", voids=voids, is_guard=is_guard)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((P,), P),
        ((P, P), P),
        ((P, I), I),
        ((P, F), F),
        ((I, F), F),
        ((I, I), I),
        ((F, F), F),
    ],
)
def test_the_worst_finding_decides(
    monkeypatch: pytest.MonkeyPatch, outcomes: tuple[Outcome, ...], expected: Outcome
) -> None:
    found = judged(monkeypatch, {f"c{i}": finding(f"c{i}", outcome) for i, outcome in enumerate(outcomes)})
    assert found.outcome is expected
    ranks = [f.outcome.rank for f in found.findings if not f.is_guard]
    assert ranks == sorted(ranks, reverse=True), "worst first"


@pytest.mark.parametrize(
    ("guard", "voids", "criterion", "judged_as", "verdict_is"),
    [
        (P, (), P, P, P),
        (P, (), F, F, F),
        (I, (CLIENTS,), P, I, I),
        (I, (CLIENTS,), F, I, I),
        (I, ALL, P, I, I),
        (I, ALL, F, I, I),
        (I, (TARGET, RUN), F, F, F),
        (I, (), F, F, F),
        (I, (), P, P, I),
        (F, (), P, P, F),
    ],
)
def test_guards_void_what_they_name_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    guard: Outcome,
    voids: tuple[str, ...],
    criterion: Outcome,
    judged_as: Outcome,
    verdict_is: Outcome,
) -> None:
    found = judged(
        monkeypatch,
        {"guard": finding("guard", guard, voids, is_guard=True), "latency": finding("latency", criterion)},
    )
    latency = next(f for f in found.findings if f.criterion == "latency")
    assert latency.outcome is judged_as
    assert latency.voided_by == ("guard" if voids in (ALL, (CLIENTS,)) else None)
    assert found.outcome is verdict_is
    assert [f.is_guard for f in found.findings] == [False, True, True], "guards come last"
    assert sum(f.criterion == RUN_COMPLETE for f in found.findings) == 1, "it is judged whether it is listed or not"


def test_a_fail_that_no_guard_voids_stands_beside_one_that_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(
        monkeypatch,
        {
            "guard": finding("guard", I, (CLIENTS,), is_guard=True),
            "latency": finding("latency", F),
            "memory": finding("memory", F),
        },
    )
    assert found.outcome is F
    assert found.reason.startswith("memory: because memory")


@pytest.mark.parametrize("cause", ["target_healthy", "faults_injected"])
def test_what_kept_a_run_from_beginning_is_named_before_the_guards_that_follow_from_it(
    monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    found = judged(
        monkeypatch,
        {
            "baseline": finding("baseline", I, ALL, is_guard=True),
            cause: finding(cause, I, ALL, is_guard=True),
            "latency": finding("latency", I),
        },
    )
    assert {f.voided_by for f in found.findings if f.criterion == "latency"} == {cause}


@pytest.mark.parametrize("cause", ["machine_pressure", "generator_health"])
@pytest.mark.parametrize(("evidence", "named"), [({"load processes": 2}, True), ({}, False)])
def test_a_disturbed_measurement_is_named_before_what_it_may_have_caused(
    monkeypatch: pytest.MonkeyPatch, cause: str, evidence: Mapping[str, Scalar], named: bool
) -> None:
    """On a machine that others had taken, the advice to make less load sends people the wrong way. A guard that only
    lacks evidence says nothing of the kind.
    """
    found = judged(
        monkeypatch,
        {
            "baseline": dataclasses.replace(
                finding("baseline", I, ALL, is_guard=True), title="failures in the baseline"
            ),
            cause: dataclasses.replace(finding(cause, I, ALL, is_guard=True), evidence=evidence, title="left alone"),
            "latency": finding("latency", P),
        },
    )
    latency = next(each for each in found.findings if each.criterion == "latency")
    first, title = (cause, "left alone") if named else ("baseline", "failures in the baseline")
    assert latency.voided_by == first
    assert latency.reason == f'void because of the guard "{title}" (had been PASS: because latency)'
    assert found.reason.startswith(f"{title}: because {first}")


def _without_load_processes(lost: bool) -> Recording:
    """None of them was there from the spike on, and a canary waited for one; or only their samples are not there."""
    whole = recordings.lost_worker() if lost else recordings.healthy()
    late = {bucket_index(2_000_000): 9}
    waited = StartsMark(20, "worker-1", {"V": 9}, stream=ARRIVALS, due={"V": 9}, waits={"V": late})
    header = dataclasses.replace(
        whole.header, level_unit="starts/s", criteria=(*whole.header.criteria, CriterionSpec("enough_users"))
    )
    marks = tuple(
        dataclasses.replace(mark, t=10) if isinstance(mark, NodeMark) and mark.event == "lost" else mark
        for mark in whole.marks
    )
    probes = tuple(sample for sample in whole.probes if sample.probe != "generator")
    return dataclasses.replace(whole, header=header, probes=probes, marks=(*marks, waited))


def test_a_lost_load_process_is_named_before_the_users_that_were_missing_then() -> None:
    """It has no lag and no CPU to show, unlike one that was overloaded. Nor has one that nobody looked at."""
    lost = judge(_without_load_processes(lost=True))
    assert lost.reason.startswith("load generator healthy: worker-2 was lost at 10 s"), lost.reason
    latency = next(each for each in lost.findings if each.criterion == "latency_quantile")
    assert latency.voided_by == "generator_health"
    unseen = judge(_without_load_processes(lost=False))
    assert not unseen.reason.startswith("load generator healthy"), unseen.reason


def test_a_target_that_did_not_come_back_is_the_first_of_several_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(
        monkeypatch,
        {"latency": finding("latency", F), "target_healthy": finding("target_healthy", F, is_guard=True)},
    )
    assert found.reason == "target_healthy: because target_healthy (1 more FAIL)."


def test_guards_do_not_void_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(
        monkeypatch,
        {"a": finding("a", I, ALL, is_guard=True), "b": finding("b", F, is_guard=True), "c": finding("c", P)},
    )
    assert {f.criterion: f.voided_by for f in found.findings} == {
        "a": None,
        "b": None,
        "c": "a",
        "run_complete": None,
    }
    assert found.outcome is F


def test_a_crash_is_inconclusive_and_tells_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(monkeypatch, {"good": finding("good", P), "bad": ZeroDivisionError("division by zero")})
    assert found.outcome is I
    assert "ZeroDivisionError: division by zero" in found.reason


def test_a_healthy_herd_passes() -> None:
    found = judge(recordings.healthy())
    assert found.outcome is P, found.reason
    assert found.reason == "All 4 criteria hold, and no guard objects."
    assert found.notes == ()


@pytest.mark.parametrize(
    ("run", "outcome", "sentence"),
    [
        (recordings.slow(10), P, "All 4 criteria hold"),
        (recordings.slow(45), F, "recovered 45 s ± 1 s after the spike, limit 30 s"),
        (recordings.never_recovering(), F, "not recovered in the 60 s that it was watched"),
        (recordings.failing(0.4), F, "of 510 requests of this herd failed, all of them with http 503"),
        (recordings.failing(1.0), F, "510 of 510 requests of this herd failed"),
        (recordings.leaking(), F, "400.0 MB more than"),
        (recordings.login_herd(drain_per_s=60), F, "p95 of the 510 requests of this herd is 7.98 s, limit 5 s"),
        (recordings.lost_worker(), I, "worker-2 was lost at 34 s (no heartbeat for 3 s)"),
        (recordings.skewed(), I, "left within 893 ms, limit 250 ms"),
        (recordings.saturated(), I, "event loop of worker-1 was"),
        (recordings.login_herd(delivered_ratio=0.9), I, "450 of 500 planned requests were sent, below 99 %"),
        (recordings.login_herd(healthy_before=False), I, "unhealthy before the load: GET /readyz failed (503)"),
        (recordings.login_herd(healthy_after=False), F, "did not come back: after the load GET /readyz failed"),
        (recordings.interrupted(), I, "the recording has no end: the run was killed about 50 s in"),
        (recordings.login_herd(baseline_s=10), I, "baseline too short"),
    ],
)
def test_each_misfortune_has_its_verdict_and_its_reason(run: Recording, outcome: Outcome, sentence: str) -> None:
    found = judge(run)
    assert found.outcome is outcome, found.reason
    assert sentence in found.reason


def test_a_saturated_generator_voids_a_fail_as_well() -> None:
    sick = recordings.login_herd(generator_cpu_ratio=0.99, spike_error_ratio=0.5, slow_for_s=50)
    found = judge(sick)
    assert found.outcome is I
    void = {f.criterion for f in found.findings if f.voided_by == "generator_health"}
    assert void == {"error_ratio", "latency_quantile", "recovery_time"}
    assert "had been FAIL" in found.findings[0].reason + found.findings[1].reason


@pytest.mark.parametrize(
    ("killed", "words"),
    [(False, "the run ended 10 s in, {}: stopped by hand"), (True, "the run was killed about 10 s in, {}")],
)
def test_no_guard_is_blamed_for_a_run_that_was_ended_before_the_spike(killed: bool, words: str) -> None:
    whole = recordings.healthy()
    run = recordings.cut_off(whole, 10)
    if not killed:
        run = dataclasses.replace(run, damage=(), end=End(10, "stopped by hand", False, 100, 0))
    found = judge(run)
    assert found.outcome is I and words.format("before its time") in found.reason
    for each in found.findings:
        assert each.voided_by is None, each
        if each.kind in ("error_ratio", "latency_quantile", "recovery_time", "generator_health", "spike_delivered"):
            assert words.format("before the spike") in each.reason


def test_a_target_that_was_unwell_is_named_where_a_run_did_not_come_to_its_spike() -> None:
    run = recordings.cut_off(recordings.login_herd(healthy_before=False), 0)
    run = dataclasses.replace(run, damage=(), end=End(0, "the target was not healthy", False, 0, 0))
    assert {each.voided_by for each in judge(run).findings if not each.is_guard} == {"target_healthy"}


def test_an_interrupted_run_that_had_already_failed_has_failed() -> None:
    found = judge(recordings.login_herd(spike_error_ratio=0.5, cut_off_at_s=50))
    assert found.outcome is F
    assert found.notes == ("line 4711 is cut off and was left out",)


def test_a_run_stopped_by_hand_is_never_a_pass() -> None:
    run = recordings.healthy()
    assert run.end is not None
    stopped = dataclasses.replace(run, end=dataclasses.replace(run.end, completed=False, reason="SIGINT"))
    found = judge(stopped)
    assert found.outcome is I
    assert "before its time: SIGINT" in found.reason


def test_no_requests_are_never_a_pass() -> None:
    empty = dataclasses.replace(recordings.healthy(), slices=())
    found = judge(empty)
    assert found.outcome is I
    assert found.reason == "No request was recorded, so nothing can be said about the target."
    assert all(f.outcome is not F for f in found.findings)


def test_no_requests_and_a_dead_target_fail_on_the_health_check_only() -> None:
    gone = dataclasses.replace(recordings.login_herd(healthy_after=False), slices=())
    assert judge(gone).outcome is F


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([], "The run has no criteria, so there is nothing to pass."),
        (["run_complete"], "The run has guards only and no criterion about the target."),
        (["target_healthy"], "The run has guards only and no criterion about the target."),
    ],
)
def test_no_criteria_about_the_target_are_never_a_pass(names: list[str], reason: str) -> None:
    found = judge(recordings.healthy(), [CriterionSpec(name) for name in names])
    assert (found.outcome, found.reason) == (I, reason)


def test_an_empty_recording_is_judged_without_a_crash() -> None:
    bare = Recording(dataclasses.replace(recordings.healthy().header, phases=(), gates=(), level=()))
    found = judge(bare)
    assert found.outcome is I
    assert not any("crashed" in f.reason for f in found.findings)


def test_other_limits_than_the_runs_own_are_said() -> None:
    changed: dict[str, Scalar] = {"limit_s": 0.5}
    found = judge(recordings.healthy(), [CriterionSpec("latency_quantile", changed), CriterionSpec("error_ratio")])
    note = found.notes[0]
    assert note.startswith("limits_overridden")
    assert "latency_quantile changed from its defaults to limit_s=0.5" in note
    assert "memory_growth left out" in note
    assert found.outcome is F
    assert judge(recordings.healthy(), recordings.CRITERIA).notes == ()


def test_an_unknown_criterion_is_inconclusive_and_names_the_valid_ones() -> None:
    found = judge(recordings.healthy(), [CriterionSpec("error_ratio"), CriterionSpec("luck")])
    assert found.outcome is I
    assert "no criterion 'luck'" in found.reason
    assert "error_ratio" in found.reason


def test_run_complete_is_judged_once_when_it_is_listed() -> None:
    found = judge(recordings.healthy(), [*recordings.CRITERIA, CriterionSpec("run_complete")])
    assert [f.criterion for f in found.findings].count(RUN_COMPLETE) == 1
    assert found.outcome is P


def test_the_same_recording_always_gets_the_same_verdict() -> None:
    run = recordings.login_herd(spike_error_ratio=0.05)
    assert judge(run) == judge(run)


def test_a_run_with_requests_missing_from_its_slices_is_not_complete() -> None:
    run = recordings.healthy()
    found = judge(dataclasses.replace(run, slices=run.slices[:-20]))
    assert found.outcome is I
    assert "were recorded" in found.reason


FILTERED = ("error_ratio", "latency_quantile", "recovery_time", "pool_saturation", "scalability", "breaker_opens")


@pytest.mark.parametrize("criterion", FILTERED)
@pytest.mark.parametrize("pattern", ["POST /auth/logn", "PATCH *"])
def test_a_filter_that_picks_nothing_names_what_there_is(criterion: str, pattern: str) -> None:
    """Whatever the criterion makes of nothing: it proves nothing."""
    run = recordings.login_herd()
    there = sorted({piece.name for piece in run.slices})
    found = judge(run, [CriterionSpec(criterion, {"requests": pattern})])
    (finding_,) = (each for each in found.findings if each.kind == criterion)
    assert finding_.outcome is I
    assert f"no request is called {pattern!r}: there are " in finding_.reason
    assert all(name in finding_.reason for name in there)
    assert ("did you mean POST /auth/login?" in finding_.reason) is (pattern != "PATCH *")


def test_a_filter_that_picks_something_is_not_spoken_of() -> None:
    found = judge(recordings.login_herd(), [CriterionSpec("error_ratio", {"requests": "POST */login"})])
    assert "is called" not in found.findings[0].reason


@pytest.mark.parametrize("criterion", ["reconnect_time", "connections_kept"])
def test_a_connection_that_nobody_had_is_told_with_those_that_there_are(criterion: str) -> None:
    run = recordings.login_herd()
    opened = dataclasses.replace(run.slices[0], name="connection /feed opened")
    run = dataclasses.replace(run, slices=(*run.slices, opened))
    found = judge(run, [CriterionSpec(criterion, {"connections": "/fed"})])
    (finding_,) = (each for each in found.findings if each.kind == criterion)
    assert finding_.outcome is I
    assert "no connection is called '/fed': there are /feed; did you mean /feed?" in finding_.reason


WITHOUT = recordings.healthy()
"""What two guards leave of the run."""


@pytest.mark.parametrize(
    ("whole", "without", "other_leaves_something", "outcome", "voider"),
    [
        (F, F, True, F, None),
        (F, P, True, I, "late"),
        (F, I, True, I, "late"),
        (F, None, True, I, "late"),
        (F, F, False, I, "lost"),
        (P, F, True, I, "late"),
        (I, F, True, I, "late"),
        (P, P, True, I, "late"),
    ],
)
def test_only_a_fail_is_kept_and_only_where_it_is_one_without_what_every_guard_objects_to(
    monkeypatch: pytest.MonkeyPatch,
    whole: Outcome,
    without: Outcome | None,
    other_leaves_something: bool,
    outcome: Outcome,
    voider: str | None,
) -> None:
    """Nothing becomes a FAIL that had been none."""
    answers = {id(WITHOUT): without}

    def judge_one(recording: Recording, spec: CriterionSpec) -> Finding:
        return finding(spec.criterion, answers.get(id(recording)) or whole)

    leaves = {"late": None if without is None else WITHOUT, "lost": WITHOUT if other_leaves_something else None}
    monkeypatch.setattr(verdict, "_judge_one", judge_one)
    monkeypatch.setattr(verdict, "_without_objection", lambda _, spec: leaves[spec.criterion])
    monkeypatch.setattr(criteria, "rests_on", lambda _: (CLIENTS,))
    guards = [finding(name, I, (CLIENTS,), True) for name in ("late", "lost")]
    specs = [CriterionSpec(name) for name in ("late", "lost", "errors")]
    (*_, found) = verdict._void(recordings.healthy(), specs, [*guards, finding("errors", whole)])
    assert (found.finding.outcome, found.finding.voided_by) == (outcome, voider)
    if voider is None:
        assert found.recording is WITHOUT
        assert found.finding.reason == 'because errors, also without what the guard "lost" objects to'


@pytest.mark.parametrize(("criterion", "leaves"), [("users_stayed", WITHOUT), ("error_ratio", None), ("luck", None)])
def test_only_a_guard_leaves_something_without_what_it_objects_to(criterion: str, leaves: Recording | None) -> None:
    assert verdict._without_objection(WITHOUT, CriterionSpec(criterion)) is leaves


@pytest.mark.parametrize(("of_guard", "outcome", "voider"), [(P, P, None), (I, I, "late"), (F, I, "late")])
def test_a_guard_that_passes_voids_nothing_whatever_it_guards(
    of_guard: Outcome, outcome: Outcome, voider: str | None
) -> None:
    specs = [CriterionSpec("late"), CriterionSpec("error_ratio")]
    findings = [finding("late", of_guard, ALL, True), finding("error_ratio", P)]
    (*_, found) = verdict._void(recordings.healthy(), specs, findings)
    assert (found.finding.outcome, found.finding.voided_by) == (outcome, voider)


@pytest.mark.parametrize(("at_s", "told"), [(0.3, "at 0 s,"), (40.0, "at 40 s,")])
def test_a_pass_says_until_when_it_held(at_s: float, told: str) -> None:
    run = recordings.cut_off(recordings.healthy(), at_s)
    held = Finding("error_ratio", "", Outcome.PASS, "few failed")
    found = verdict._cut_short(run, CriterionSpec("error_ratio", {"phase": "recovery"}), held)
    assert found.outcome is I and told in found.reason and found.reason.endswith("(91 s): few failed")


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [(P, "nothing is called so"), (F, "nothing is called so"), (I, "because c; nothing is called so")],
)
def test_what_picks_nothing_is_said_and_what_was_open_before(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, reason: str
) -> None:
    """A figure of nothing is no figure: only what it lacked itself is told as well."""
    monkeypatch.setattr(criteria, "unmatched", lambda *_: "nothing is called so")
    monkeypatch.setattr(criteria, "load", lambda _: Fixed(finding("c", outcome)))
    found = verdict._judge_one(recordings.healthy(), CriterionSpec("c"))
    assert (found.outcome, found.reason) == (I, reason)


@pytest.mark.parametrize(("guard", "voids"), [("spike_delivered", False), ("target_healthy", True)])
def test_that_a_run_did_not_come_to_it_is_said_unless_it_is_known_what_kept_it(
    monkeypatch: pytest.MonkeyPatch, guard: str, voids: bool
) -> None:
    monkeypatch.setattr(verdict, "_missed", lambda *_: "the run ended 10 s in, before the spike")
    findings = [finding(guard, I, (CLIENTS,), is_guard=True), finding("latency", I)]
    specs = [CriterionSpec(each.criterion) for each in findings]
    latency = verdict._void(recordings.healthy(), specs, findings)[1].finding
    assert latency.voided_by == (guard if voids else None)
    assert (latency.reason == "the run ended 10 s in, before the spike") is not voids


@pytest.mark.parametrize("outcome", [P, F])
def test_what_is_proven_is_said_though_a_run_did_not_come_to_its_end(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    monkeypatch.setattr(verdict, "_missed", lambda *_: "the run ended 10 s in, before the spike")
    (told,) = verdict._void(recordings.healthy(), [CriterionSpec("latency")], [finding("latency", outcome)])
    assert (told.finding.outcome, told.finding.reason) == (outcome, "because latency")


def test_of_a_healthy_run_there_is_nothing_to_note() -> None:
    """That its target was healthy before and after it is no note."""
    assert recordings.healthy().health and judge(recordings.healthy()).notes == ()
