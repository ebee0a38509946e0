"""A criterion that would pass does not, once what it is measured from is taken out of the recording.

It is asked itself: in a verdict, guards and the end of the recording would keep it from passing as well.
"""

from __future__ import annotations

import dataclasses

import pytest

from harness import criteria
from harness.findings import TARGET, Outcome
from harness.recording import Recording
from harness.recording_header import CriterionSpec
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
