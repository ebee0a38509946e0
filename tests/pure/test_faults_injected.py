"""The guard of faults: a run whose faults were not those that were planned proves nothing."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.criteria.guards.faults_injected import FaultsInjected
from harness.findings import ALL, Outcome
from harness.recording import Recording
from harness.recording.file import parse
from harness.recording.header import FaultPlan
from harness.recording.marks import FAILED, INJECTED, UNDONE, FaultMark
from harness.verdict import judge
from tests.recordings import healthy, texts

HEALTHY = healthy()
PLAN = FaultPlan(1, "stop_process", 30.0, 40.0, "stop_process port=8000")
AS_PLANNED = (FaultMark(30.01, "stop_process", INJECTED, "", 1), FaultMark(40.02, "stop_process", UNDONE, "", 1))


def run(plans: tuple[FaultPlan, ...], marks: tuple[FaultMark, ...]) -> Recording:
    header = dataclasses.replace(HEALTHY.header, faults=plans)
    return dataclasses.replace(HEALTHY, header=header, marks=(*HEALTHY.marks, *marks))


def test_no_planned_fault_is_nothing_to_guard() -> None:
    assert FaultsInjected().judge(HEALTHY).outcome is Outcome.PASS


def test_faults_as_planned_pass() -> None:
    finding = FaultsInjected().judge(run((PLAN,), AS_PLANNED))
    assert finding.outcome is Outcome.PASS
    assert finding.figure == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ((), "was not injected"),
        (AS_PLANNED[:1], "was not undone"),
        (AS_PLANNED[1:], "was not injected"),
        ((FaultMark(33.0, "stop_process", INJECTED, "", 1), AS_PLANNED[1]), "was injected at 33.0 s"),
        ((AS_PLANNED[0], FaultMark(35.0, "stop_process", UNDONE, "", 1)), "was undone at 35.0 s"),
        ((*AS_PLANNED, FaultMark(41.0, "stop_process", FAILED, "not undone: x", 1)), "failed: not undone: x"),
        (
            (AS_PLANNED[0], FaultMark(40.0, "tcp_proxy", UNDONE, "without effect: nobody has connected", 1)),
            "was without effect: nobody has connected",
        ),
        (tuple(dataclasses.replace(mark, number=2) for mark in AS_PLANNED), "was not injected"),
    ],
)
def test_anything_else_is_inconclusive_and_voids_all(marks: tuple[FaultMark, ...], words: str) -> None:
    finding = FaultsInjected().judge(run((PLAN,), marks))
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert words in finding.reason
    assert finding.voids == ALL


def test_a_fault_that_was_not_there_turns_a_pass_into_inconclusive() -> None:
    recording = run((PLAN,), ())
    spec = dataclasses.replace(recording.header.criteria[0], criterion="faults_injected")
    header = dataclasses.replace(recording.header, criteria=(*recording.header.criteria, spec))
    assert judge(HEALTHY).outcome is Outcome.PASS
    verdict = judge(dataclasses.replace(recording, header=header))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    voided = {finding.voided_by for finding in verdict.findings if not finding.is_guard}
    assert voided == {"faults_injected"}


@given(
    st.lists(
        st.tuples(st.floats(0, 80), st.floats(0.1, 10), st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=5
    )
)
def test_it_passes_exactly_when_every_instant_is_within_the_limit(spans: list[tuple[float, ...]]) -> None:
    plans, marks = [], []
    for number, (start_s, for_s, late_in_s, late_out_s) in enumerate(spans, start=1):
        plans.append(FaultPlan(number, "noop", start_s, start_s + for_s, "noop"))
        marks.append(FaultMark(start_s + late_in_s, "noop", INJECTED, "", number))
        marks.append(FaultMark(start_s + for_s + late_out_s, "noop", UNDONE, "", number))
    finding = FaultsInjected(late_limit_s=2.0).judge(run(tuple(plans), tuple(marks)))
    worst_s = max(
        abs(mark.t - planned_s)
        for mark, planned_s in zip(marks, (t for plan in plans for t in (plan.start_s, plan.end_s)), strict=True)
    )
    assert (finding.outcome is Outcome.PASS) == (worst_s <= 2.0)


def test_plans_and_marks_survive_the_file() -> None:
    recording = run((PLAN,), AS_PLANNED)
    lines = texts([recording.header, *AS_PLANNED])
    again = parse(lines, "here")
    assert again.header.faults == (PLAN,)
    assert again.faults == AS_PLANNED
    assert not again.damage
