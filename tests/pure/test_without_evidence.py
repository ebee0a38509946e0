"""A criterion that would pass does not, once what it is measured from is taken out of the recording.

It is asked itself: in a verdict, guards and the end of the recording would keep it from passing as well.
"""

from __future__ import annotations

import dataclasses

import pytest

from harness import criteria
from harness.findings import TARGET, Outcome
from harness.recording import Recording
from harness.recording.header import CriterionSpec
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from tests import recordings
from tests.pure import test_limits, test_limits_of_all, test_limits_of_failover
from tests.pure.test_contract import NOTHING_TO_GUARD

CASES = {
    case.criterion: case
    for case in (*test_limits.CASES, *test_limits_of_all.CASES, *test_limits_of_failover.CASES)
    if case.criterion not in NOTHING_TO_GUARD
}
"""Criterion → one of its cases, whose recording within the limit passes."""


def without_lines(run: Recording) -> Recording:
    return dataclasses.replace(run, slices=(), probes=(), marks=(), operations=())


def without_samples(run: Recording) -> Recording:
    return dataclasses.replace(run, probes=())


def without_phases(run: Recording) -> Recording:
    """With others in their place."""
    phases = tuple(dataclasses.replace(phase, name=f"other-{phase.name}") for phase in run.header.phases)
    return dataclasses.replace(run, header=dataclasses.replace(run.header, phases=phases))


def without_sources(run: Recording) -> Recording:
    """No answer says who gave it."""
    silent = (
        dataclasses.replace(each, operations=tuple(dataclasses.replace(one, source="") for one in each.operations))
        for each in run.operations
    )
    return dataclasses.replace(run, operations=tuple(silent))


def without_faults(run: Recording) -> Recording:
    marks = tuple(mark for mark in run.marks if not isinstance(mark, FaultMark))
    return dataclasses.replace(run, marks=marks)


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_would_pass_does_not_without_its_lines_its_samples_or_its_phases(name: str) -> None:
    """One that names no phase is of the whole run."""
    criterion, whole = criteria.load(CriterionSpec(name, CASES[name].others)), CASES[name].within()
    assert criterion.judge(whole).outcome is Outcome.PASS
    lacking = [without_lines]
    if criteria.evidence_of(name) == TARGET:
        lacking.append(without_samples)
    if {phase.name for phase in whole.header.phases}.intersection(map(str, vars(criterion).values())):
        lacking.append(without_phases)
    for take_out in lacking:
        assert criterion.judge(take_out(whole)).outcome is not Outcome.PASS, take_out.__name__


@pytest.mark.parametrize("name", ["back_in_rotation", "even_share", "out_of_rotation"])
def test_who_answered_is_known_by_the_answers_alone(name: str) -> None:
    criterion = criteria.load(CriterionSpec(name, CASES[name].others))
    assert criterion.judge(without_sources(CASES[name].within())).outcome is not Outcome.PASS


def without_latencies(run: Recording) -> Recording:
    """As of a client that says of each request that it took no time at all."""
    timeless = (dataclasses.replace(each, latency={0: sum(each.latency.values())}) for each in run.slices)
    return dataclasses.replace(run, slices=tuple(timeless))


@pytest.mark.parametrize("name", ["fast_fail_latency", "latency_quantile", "recovers_from_each_fault", "recovery_time"])
def test_a_latency_that_nobody_has_measured_is_no_evidence(name: str) -> None:
    criterion = criteria.load(CriterionSpec(name, CASES[name].others))
    found = criterion.judge(without_latencies(CASES[name].within()))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "is 0 µs, so nobody has measured it" in found.reason, found.reason


@pytest.mark.parametrize(("latency_s", "outcome"), [(0.0, Outcome.PASS), (1.0, Outcome.INCONCLUSIVE)])
def test_an_error_budget_of_a_latency_that_nobody_has_measured_is_not_kept(latency_s: float, outcome: Outcome) -> None:
    """Of failures alone it is."""
    budget = criteria.load(CriterionSpec("error_budget", {"objective": 0.9, "latency_s": latency_s}))
    run = recordings.healthy()
    assert budget.judge(run).outcome is Outcome.PASS
    found = budget.judge(without_latencies(run))
    assert found.outcome is outcome and ("nobody has measured" in found.reason) is bool(latency_s), found.reason


def test_one_latency_that_was_measured_shows_that_somebody_does() -> None:
    run = recordings.healthy()
    timeless = without_latencies(run)
    kept = dataclasses.replace(timeless, slices=(*timeless.slices[:-1], run.slices[-1]))
    recovery = criteria.load(CriterionSpec("recovery_time"))
    assert "nobody has measured" in recovery.judge(timeless).reason
    assert "nobody has measured" not in recovery.judge(kept).reason


BY_FAULTS = (
    *("back_in_rotation", "breaker_closes", "breaker_leak_through", "breaker_opens", "doubled_writes", "fail_open"),
    *("fallback_time", "fast_fail_latency", "lost_writes", "out_of_rotation", "outage", "recovers_from_each_fault"),
    *("rejoin_time", "single_primary"),
)
"""Criteria that say what a fault has done."""


@pytest.mark.parametrize("name", BY_FAULTS)
def test_where_nothing_was_injected_nothing_is_withstood(name: str) -> None:
    criterion = criteria.load(CriterionSpec(name, CASES[name].others))
    assert criterion.judge(without_faults(CASES[name].within())).outcome is not Outcome.PASS


BY_THE_FIRST = ("breaker_closes", "breaker_leak_through", "breaker_opens", "breaker_threshold")


@pytest.mark.parametrize("name", [*BY_THE_FIRST, "fallback_time", "fast_fail_latency"])
def test_what_is_judged_by_the_first_fault_does_not_pass_for_the_next(name: str) -> None:
    """One that comes while the first is there is of the same failure, and another one may be named."""
    whole, others = CASES[name].within(), dict(CASES[name].others)
    first, over = (next(mark for mark in whole.faults if mark.event == event) for event in (INJECTED, UNDONE))
    for at_s, outcome in ((over.t - 0.1, Outcome.PASS), (over.t, Outcome.INCONCLUSIVE)):
        next_one = FaultMark(at_s, "next", INJECTED, "", first.number + 1)
        both = dataclasses.replace(whole, marks=(*whole.marks, next_one))
        assert criteria.load(CriterionSpec(name, others)).judge(both).outcome is outcome
        named = criteria.load(CriterionSpec(name, others | {"fault": first.fault}))
        assert named.judge(both).outcome is Outcome.PASS


@pytest.mark.parametrize("name", sorted(set(criteria.available()) - NOTHING_TO_GUARD))
def test_a_complete_run_of_which_nothing_was_recorded_passes_in_nothing_but_that(name: str) -> None:
    """By default, and whether phases were planned or not."""
    whole = recordings.healthy()
    criterion = criteria.load(CriterionSpec(name))
    for phases in (whole.header.phases, ()):
        bare = Recording(dataclasses.replace(whole.header, phases=phases), end=whole.end)
        passes = criterion.judge(bare).outcome is Outcome.PASS
        assert passes is (name == "run_complete" and bool(phases))
