"""What one class of users is refused does not hide behind what another class gets by the same request name."""

from __future__ import annotations

import dataclasses

import pytest

from harness.analysis.names import names_in_doubt
from harness.criteria.guards.baseline_healthy import BaselineHealthy
from harness.criteria.guards.target_healthy import TargetHealthy
from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.criteria.requests.error_ratio import ErrorRatio
from harness.findings import Outcome
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec, PlannedClass
from harness.recording.values import OK
from harness.verdict import judge
from tests.recordings import CANARY, healthy

REFUSED = "http 403"
BUYERS = f"@Buyer {CANARY}"


def with_buyers(before: str, since: str, since_s: int = 31) -> Recording:
    """Beside ten readers a second, of whom all get what they ask for, one buyer in two seconds, by the same name."""
    run = healthy()
    classes = (PlannedClass("Reader", 100, ()), PlannedClass("Buyer", 10, ()))
    header = dataclasses.replace(run.header, classes=classes)
    readers = tuple(dataclasses.replace(piece, user_class="Reader") for piece in run.slices)
    outcomes = {t: before if t < since_s else since for t in range(0, run.header.phases[-1].end_s, 2)}
    usual = next(piece.latency for piece in readers if piece.name == CANARY and piece.outcome == OK)
    buyers = tuple(
        Slice(t, "worker-1", CANARY, outcome, 1, 180, {min(usual): 1} if outcome == OK else {}, user_class="Buyer")
        for t, outcome in outcomes.items()
    )
    return dataclasses.replace(run, header=header, slices=(*readers, *buyers))


def test_buyers_who_are_all_refused_pass_nothing() -> None:
    run = with_buyers(REFUSED, REFUSED)
    assert ErrorRatio(limit=0.1, phase="recovery").judge(run).outcome is Outcome.PASS  # they are few of many
    found = BaselineHealthy().judge(run)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "all 15 requests of the class Buyer failed, all of them with http 403 (15)" in found.reason
    guarded = [CriterionSpec("recovery_time"), CriterionSpec("baseline_healthy")]
    assert judge(run, guarded).outcome is Outcome.INCONCLUSIVE
    assert list(names_in_doubt(run)) == [f"All requests failed of {BUYERS} (46)."]


def test_buyers_who_are_refused_since_the_spike_are_left_behind() -> None:
    run = with_buyers(OK, REFUSED)
    found = RecoveryTime().judge(run)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"requests {BUYERS} since the recovery failed" in found.reason
    assert f"with requests = {BUYERS}," in found.reason
    assert ErrorRatio(requests=BUYERS, phase="recovery").judge(run).outcome is Outcome.FAIL  # as it says


def test_buyers_who_are_refused_in_the_end_are_not_served_in_the_end() -> None:
    found = TargetHealthy().judge(with_buyers(OK, REFUSED, since_s=75))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"requests of {BUYERS}, from 76 s on, all failed" in found.reason


@pytest.mark.parametrize("criterion", [BaselineHealthy(), RecoveryTime(), TargetHealthy()])
def test_buyers_who_get_what_they_ask_for_are_no_matter(
    criterion: BaselineHealthy | RecoveryTime | TargetHealthy,
) -> None:
    assert criterion.judge(with_buyers(OK, OK)).outcome is Outcome.PASS


def test_buyers_who_log_in_and_get_nothing_of_what_others_get_pass_nothing() -> None:
    run = with_buyers(REFUSED, REFUSED)
    login = Slice(0, "worker-1", "POST /login", OK, 1, 180, {1000: 1}, user_class="Buyer")
    more = (Slice(t, "worker-1", CANARY, REFUSED, 1, 0, {}, user_class="Buyer") for t in range(1, 29, 2))
    found = BaselineHealthy().judge(dataclasses.replace(run, slices=(*run.slices, login, *more)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"all 29 requests {CANARY} of the class Buyer failed" in found.reason
    assert "others are answered by that name" in found.reason


def test_the_ends_of_idle_connections_are_no_requests_that_failed() -> None:
    run = with_buyers(OK, OK)
    ends = Slice(5, "worker-1", "connection /feed ended", "closed 1001", 6, 0, {}, user_class="Visitor")
    assert BaselineHealthy().judge(dataclasses.replace(run, slices=(*run.slices, ends))).outcome is Outcome.PASS
