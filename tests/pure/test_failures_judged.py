"""The guard of failures that no criterion looks at."""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness.findings import Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording_header import CriterionSpec, PlannedClass
from harness.recording_marks import INJECTED, UNDONE, FaultMark
from harness.recording_values import OK, Scalar
from harness.verdict import judge
from tests import recordings

GUARD = "failures_judged"
"""The recordings have 30 s of baseline, a spike of 1 s and 60 s of recovery, of 10 requests a second beside a herd."""


def criterion(name: str, **parameters: Scalar) -> CriterionSpec:
    return CriterionSpec(name, parameters)


def guarded(run: Recording, *criteria: CriterionSpec) -> Finding:
    specs = (*criteria, CriterionSpec(GUARD))
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, criteria=specs))
    (found,) = (each for each in judge(run).findings if each.kind == GUARD)
    return found


FAILS_AFTERWARDS = recordings.login_herd(recovery_error_ratio=0.4, errors_for_s=40)


@pytest.mark.parametrize(
    ("criteria", "outcome"),
    [
        pytest.param([criterion("error_ratio")], Outcome.INCONCLUSIVE, id="of the spike alone"),
        pytest.param(
            [criterion("latency_quantile"), criterion("throughput")], Outcome.INCONCLUSIVE, id="of two others"
        ),
        pytest.param([criterion("error_ratio", phase="recovery")], Outcome.PASS, id="of the recovery"),
        pytest.param([criterion("latency_quantile", phase="recovery")], Outcome.PASS, id="which p95 shows"),
        pytest.param(
            [criterion("latency_quantile", phase="recovery", quantile=0.5)], Outcome.INCONCLUSIVE, id="not a median"
        ),
        pytest.param(
            [criterion("error_ratio", phase="recovery", requests="GET /other")],
            Outcome.INCONCLUSIVE,
            id="others' alone",
        ),
        pytest.param([criterion("recovery_time")], Outcome.PASS, id="the time of recovery"),
        pytest.param([criterion("error_budget")], Outcome.PASS, id="a budget"),
        pytest.param([criterion("no_such_criterion")], Outcome.INCONCLUSIVE, id="what cannot be loaded"),
    ],
)
def test_what_failed_has_to_be_in_somebodys_figure(criteria: list[CriterionSpec], outcome: Outcome) -> None:
    found = guarded(FAILS_AFTERWARDS, *criteria)
    assert found.outcome is outcome, found.reason
    assert ("in the recovery failed, all of them with http 503" in found.reason) is (outcome is Outcome.INCONCLUSIVE)
    assert not found.voids


def test_a_run_of_which_nobody_looks_at_the_recovery_does_not_pass() -> None:
    specs = (criterion("error_ratio"), criterion("latency_quantile"))
    for guards, outcome in (((), Outcome.PASS), ((CriterionSpec(GUARD),), Outcome.INCONCLUSIVE)):
        header = dataclasses.replace(FAILS_AFTERWARDS.header, criteria=(*specs, *guards))
        assert judge(dataclasses.replace(FAILS_AFTERWARDS, header=header)).outcome is outcome


def run(ok: int, failed: int) -> Recording:
    """So many requests of one name in the recovery, and a criterion of the spike alone."""
    added = [Slice(40, "worker-1", "POST /shop", outcome, n, 0, {}) for outcome, n in ((OK, ok), ("http 500", failed))]
    healthy = recordings.login_herd()
    header = dataclasses.replace(healthy.header, criteria=(criterion("error_ratio"),))
    return dataclasses.replace(healthy, header=header, slices=tuple(added))


@pytest.mark.parametrize(
    ("from_s", "undone_s", "outcome"),
    [
        pytest.param(31, 71, Outcome.PASS, id="all the time that they failed"),
        pytest.param(31, math.inf, Outcome.PASS, id="to the end"),
        pytest.param(31, 50, Outcome.INCONCLUSIVE, id="of which the service did not come back"),
        pytest.param(75, 85, Outcome.INCONCLUSIVE, id="that came later"),
    ],
)
def test_while_a_fault_is_there_failures_are_meant(from_s: float, undone_s: float, outcome: Outcome) -> None:
    marks = [FaultMark(from_s, "noop", INJECTED)]
    marks += [FaultMark(undone_s, "noop", UNDONE)] if undone_s < math.inf else []
    run = dataclasses.replace(FAILS_AFTERWARDS, marks=(*FAILS_AFTERWARDS.marks, *marks))
    assert guarded(run, criterion("error_ratio")).outcome is outcome


def of_two_classes(failing: str, failed: int) -> Recording:
    """In each second of the recovery ten requests of each class by one name, of which so many fail of one class."""
    run = recordings.login_herd()
    classes = (PlannedClass("Buyer", 10), PlannedClass("Login", 10))
    added = [
        Slice(t, "worker-1", "POST /shop", outcome, count, 0, {}, user_class=each.user_class)
        for t in range(31, 91)
        for each in classes
        for bad in (failed if each.user_class == failing else 0,)
        for outcome, count in ((OK, 10 - bad), ("http 500", bad))
        if count
    ]
    header = dataclasses.replace(run.header, classes=classes)
    return dataclasses.replace(run, header=header, slices=tuple(added))


@pytest.mark.parametrize(
    ("failing", "failed", "outcome"),
    [("Login", 3, Outcome.INCONCLUSIVE), ("Buyer", 3, Outcome.PASS), ("Login", 0, Outcome.PASS)],
)
def test_a_criterion_of_one_class_says_nothing_of_another(failing: str, failed: int, outcome: Outcome) -> None:
    found = guarded(of_two_classes(failing, failed), criterion("error_ratio", phase="recovery", requests="@Buyer"))
    assert found.outcome is outcome, found.reason
    if outcome is Outcome.INCONCLUSIVE:
        assert found.reason.startswith("180 of 600 requests @Login POST /shop in the recovery failed, all")


@pytest.mark.parametrize(("failed", "outcome"), [(1, Outcome.INCONCLUSIVE), (0, Outcome.PASS)])
def test_more_than_the_limit_have_to_have_failed_for_certain(failed: int, outcome: Outcome) -> None:
    """60 of 600 are more than 5 %, whatever chance did; of ten, one may be one of twenty as well."""
    assert guarded(of_two_classes("Login", failed), criterion("error_ratio")).outcome is outcome
    few = of_two_classes("Login", failed)
    few = dataclasses.replace(few, slices=tuple(piece for piece in few.slices if piece.t == 40))
    assert guarded(few, criterion("error_ratio")).outcome is Outcome.PASS


def test_attempts_to_come_back_are_only_kept_where_they_failed() -> None:
    healthy = recordings.login_herd()
    attempts = Slice(40, "worker-1", "attempt /feed reconnect", "connection refused", 200, 0, {})
    back = Slice(40, "worker-1", "WS /feed reconnect", OK, 100, 0, {})
    of_others = dataclasses.replace(attempts, name="WS /feed connect")
    for piece, outcome in ((attempts, Outcome.PASS), (of_others, Outcome.INCONCLUSIVE)):
        found = guarded(dataclasses.replace(healthy, slices=(piece, back)), criterion("error_ratio"))
        assert found.outcome is outcome, found.reason
