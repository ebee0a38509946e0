"""A verdict's one sentence and its notes: which finding is named, which phase a run did not come to, which limits are
other ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness import verdict
from harness.findings import CLIENTS, Basis, Finding, Outcome, Verdict
from harness.recording import CriterionSpec, Recording
from harness.recording.marks import PARKED, HealthMark
from harness.verdict import judge
from harness.verdict_cause import outcome_in_words
from tests import recordings

P, I, F = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL  # noqa: E741
RUN = recordings.healthy()


def finding(name: str, outcome: Outcome, **changes: Any) -> Finding:
    return replace(Finding(name, name.title(), outcome, f"because {name}", kind=name), **changes)


@pytest.mark.parametrize(
    ("findings", "sentence"),
    [
        ([finding("a", P), finding("b", P), finding("g", P, is_guard=True)], "All 2 criteria hold, and no guard"),
        ([finding("a", F), finding("b", F), finding("c", I)], "A: because a (1 more FAIL)."),
        ([finding("a", F), finding("target_healthy", F, is_guard=True)], "Target_Healthy: because target_healthy (1 m"),
        ([finding("a", I), finding("b", I), finding("c", I)], "A: because a (2 more INCONCLUSIVE)."),
        ([finding("a", I), finding("g", I, is_guard=True)], "G: because g (1 more INCONCLUSIVE)."),
        (
            [finding("a", I), finding("g", I, is_guard=True), finding("h", I, is_guard=True, voids=(CLIENTS,))],
            "H: because h (2 more",
        ),
        (
            [
                finding("a", P),
                finding("h", I, is_guard=True, voids=(CLIENTS,)),
                finding("run_complete", I, is_guard=True),
            ],
            "Run_Complete: because run_complete (1 more",
        ),
        (
            [
                finding("a", P),
                finding("machine_pressure", I, is_guard=True, voids=(CLIENTS,), evidence={"stolen": 0.9}),
                finding("baseline_healthy", I, is_guard=True, voids=(CLIENTS,), figure=1.0),
            ],
            "Baseline_Healthy: because baseline_healthy (1 more",  # nobody was answered well: a wrong password, say
        ),
        ([finding("a", I), finding("b", P)], "A: because a."),
    ],
)
def test_the_sentence_names_what_explains_most(findings: list[Finding], sentence: str) -> None:
    outcome, said = outcome_in_words(RUN, findings, len(findings))
    assert said.startswith(sentence)
    assert outcome is max((each.outcome for each in findings), key=lambda each: each.rank)


def test_nothing_to_pass_is_said_before_anything_else_but_a_fail() -> None:
    passed, guards = [finding("a", P)], [finding("g", P, is_guard=True)]
    assert outcome_in_words(RUN, passed, 0) == (
        I,
        "The run has no criteria, so there is nothing to pass.",
    )
    assert outcome_in_words(RUN, guards, 1) == (
        I,
        "The run has guards only and no criterion about the target.",
    )
    assert outcome_in_words(RUN, [*passed, *guards], 1)[0] is P
    empty = replace(RUN, slices=(replace(RUN.slices[0], count=0, latency={}),))
    assert outcome_in_words(replace(RUN, slices=(*RUN.slices, *empty.slices)), passed, 1)[0] is P, "some were"
    nothing = "No request was recorded, so nothing can be said about the target"
    assert outcome_in_words(empty, passed, 1) == (I, f"{nothing}.")
    assert RUN.end is not None
    stopped = replace(empty, end=replace(RUN.end, completed=False, reason="no user came"))
    assert outcome_in_words(stopped, passed, 1) == (I, f"{nothing}: no user came.")
    assert outcome_in_words(replace(empty, end=None), passed, 1) == (I, f"{nothing}.")
    assert outcome_in_words(empty, [finding("a", F)], 0) == (F, "A: because a.")


def test_reports_that_were_not_written_leave_no_pass() -> None:
    lost = ("html: disk full", "junit: disk full")
    passed = verdict.without_reports(Verdict(P, "All hold.", (), ()), lost, "make room")
    assert passed.outcome is I
    assert passed.reason == "Reports could not be written (html: disk full; junit: disk full); make room. All hold."
    failed = verdict.without_reports(Verdict(F, "A: no.", (), ("before",)), lost, "make room")
    assert (failed.outcome, failed.reason) == (F, "A: no.")
    said = "Reports could not be written (html: disk full; junit: disk full); make room."
    assert failed.notes == ("before", said)


def stopped_at(at_s: float) -> Recording:
    assert RUN.end is not None
    kept = tuple(piece for piece in RUN.slices if piece.t < at_s)
    end = replace(RUN.end, t=at_s, completed=False, reason="SIGINT", requests=sum(piece.count for piece in kept))
    return replace(RUN, slices=kept, probes=tuple(each for each in RUN.probes if each.t < at_s), end=end)


def of(recording: Recording, spec: CriterionSpec) -> Finding:
    return next(each for each in judge(recording, [spec]).findings if each.kind == spec.criterion)


@pytest.mark.parametrize(("at_s", "outcome"), [(30.9, I), (31, P)])
def test_a_pass_holds_where_its_phases_were_recorded_to_their_end(at_s: float, outcome: Outcome) -> None:
    """The spike is over at 31 s, and the recovery at 91."""
    spike_only = CriterionSpec("error_ratio", {"phase": "spike"})
    cut = stopped_at(at_s)
    own = verdict._cut_short(cut, spike_only, finding("error_ratio", P))
    assert own.outcome is outcome
    if outcome is I:
        assert own.reason == (
            f"held until the run was cut off at {at_s:.0f} s, before the end of the spike (31 s): because error_ratio"
        )
    everywhere = verdict._cut_short(cut, CriterionSpec("error_ratio", {"phase": "nowhere"}), finding("error_ratio", P))
    assert everywhere.outcome is I and "before the end of the recovery (91 s)" in everywhere.reason
    for other in (finding("a", F), finding("a", I), finding("g", P, is_guard=True)):
        assert verdict._cut_short(cut, spike_only, other) is other
    assert verdict._cut_short(RUN, spike_only, own) is own


@pytest.mark.parametrize(("at_s", "is_missed"), [(30.0, True), (30.5, False)])
def test_a_phase_that_a_run_did_not_come_to_is_named(at_s: float, is_missed: bool) -> None:
    spec = CriterionSpec("error_ratio", {"phase": "spike"})
    said = verdict._missed(stopped_at(at_s), spec)
    assert said == ("the run ended 30 s in, before the spike: SIGINT" if is_missed else "")
    assert verdict._missed(RUN, spec) == ""
    assert verdict._missed(stopped_at(at_s), CriterionSpec("luck")) == ""


@pytest.mark.parametrize(("at_s", "first"), [(0.0, "baseline"), (20.0, "spike"), (30.5, "recovery")])
def test_the_first_phase_that_is_missed_may_be_the_one_that_others_are_compared_with(at_s: float, first: str) -> None:
    said = verdict._missed(stopped_at(at_s), CriterionSpec("recovery_time"))
    assert said == f"the run ended {at_s:.0f} s in, before the {first}: SIGINT"


def test_limits_that_are_other_ones_are_said_one_by_one() -> None:
    planned = [
        CriterionSpec("error_ratio", {"limit": 0.1}),
        CriterionSpec("latency_quantile"),
        CriterionSpec("latency_quantile", {"name": "p99", "quantile": 0.99}),
    ]
    used = [
        CriterionSpec("error_ratio", {"limit": 0.2}),
        CriterionSpec("latency_quantile"),
        CriterionSpec("memory_growth"),
    ]
    assert verdict._overridden(planned, used) == (
        "limits_overridden: judged by other criteria than the run was started with: "
        "error_ratio changed from limit=0.1 to limit=0.2; p99 left out; memory_growth added"
    )
    named = verdict._overridden([planned[2]], [CriterionSpec("latency_quantile", {"name": "p99"})])
    assert named.endswith(": p99 changed from quantile=0.99 to its defaults")


def test_what_follows_a_fail_has_nothing_to_pass_with() -> None:
    opens, closes = finding("breaker_opens", F), finding("breaker_closes", P)
    (_, followed) = verdict._follow([opens, closes])
    assert followed.outcome is I
    assert followed.reason == (
        "follows breaker_opens, which failed, so it proves nothing (had been PASS: because breaker_closes)"
    )
    for cause, result in ((I, P), (P, P), (F, F), (F, I)):
        pair = [replace(opens, outcome=cause), replace(closes, outcome=result)]
        assert verdict._follow(pair) == pair


def test_the_demo_and_parked_connections_are_said() -> None:
    header = replace(RUN.header, reference_target=True)
    demo = judge(replace(RUN, header=header))
    assert demo.reason == f"{judge(RUN).reason} {verdict.DEMO}."
    parked = [HealthMark(5.0, when, "GET /", True, f"seen {when}") for when in (PARKED, "before")]
    assert judge(replace(RUN, marks=(*RUN.marks, *parked))).notes == (f"GET /: seen {PARKED}.",)
    noted = replace(RUN, header=replace(RUN.header, notes=("a note",)), damage=("line 3 was left out",))
    assert judge(noted).notes[:2] == ("line 3 was left out", "a note")


def test_a_criterion_that_does_not_apply_is_left_out_and_said() -> None:
    bare = replace(RUN, probes=tuple(each for each in RUN.probes if each.probe != "process"))
    leak = CriterionSpec("memory_leak", {"only_where_measured": True})
    found = judge(bare, [CriterionSpec("error_ratio"), leak])
    assert "memory_leak" not in {each.kind for each in found.findings}
    assert any(note.startswith("memory_leak is not judged: no probe read memory") for note in found.notes)


def test_several_criteria_keep_the_order_of_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    order: Sequence[Finding] = [
        *(finding("a", P), finding("g", F, is_guard=True), finding("b", I), finding("h", P, is_guard=True)),
        finding("c", F),
    ]
    monkeypatch.setattr(verdict, "_judge_one", lambda *_: order[0])
    assert [each.criterion for each in verdict._in_reading_order(order)] == ["c", "b", "a", "g", "h"]
    assert order[0].basis is Basis.MEASURED


def test_findings_of_one_kind_can_be_told_apart_by_their_titles() -> None:
    """By the requests that they are about, and where these are the same, by the names that the scenario gave them."""
    planned = [
        CriterionSpec("recovery_time", {"requests": "GET /"}),
        CriterionSpec("recovery_time", {"name": "soon", "limit_s": 5.0}),
        CriterionSpec("recovery_time", {"name": "at last"}),
        CriterionSpec("metastability", {"requests": "GET /"}),
    ]
    titles = {each.criterion: each.title for each in judge(RUN, planned).findings}
    assert titles["recovery_time"] == "recovery after the spike, GET /"
    assert titles["soon"] == "recovery after the spike (soon)"
    assert titles["at last"] == "recovery after the spike (at last)"
    assert titles["metastability"] == "comes back by itself, GET /"
