"""The guard of the warm-up: what users ask before the first phase is in no phase, and yet decides what they do."""

from __future__ import annotations

import dataclasses

import pytest

from harness import criteria
from harness.criteria.guards.warm_up_healthy import WarmUpHealthy
from harness.findings import Outcome
from harness.recording import CriterionSpec, Slice
from harness.recording.values import OK
from harness.verdict import judge
from tests import recordings

GUARD = CriterionSpec("warm_up_healthy")


def run(good: int, failed: int) -> recordings.Recording:
    """A run that is healthy in all its phases, and logins of its users two seconds before."""
    healthy = recordings.healthy()
    logins = tuple(
        Slice(-2, "worker-1", "POST /login", outcome, count, 0, {9: count} if outcome == "ok" else {})
        for outcome, count in (("ok", good), ("http 500", failed))
        if count
    )
    return recordings.ended(dataclasses.replace(healthy, slices=(*logins, *healthy.slices)))


@pytest.mark.parametrize(("good", "failed"), [(0, 0), (100, 0), (100, 5)])
def test_few_failures_are_none(good: int, failed: int) -> None:
    assert criteria.load(GUARD).judge(run(good, failed)).outcome is Outcome.PASS


@pytest.mark.parametrize(("good", "failed"), [(0, 150), (100, 6), (0, 1)])
def test_users_that_did_not_get_ready_prove_nothing(good: int, failed: int) -> None:
    """Whatever they were answered later."""
    recording = run(good, failed)
    assert judge(recording, recordings.CRITERIA).outcome is Outcome.PASS
    verdict = judge(recording, [*recordings.CRITERIA, GUARD])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"most of them POST /login ({failed}), with http 500" in verdict.reason


def with_warm_up(t: int, good: int, failed: int) -> recordings.Recording:
    """Requests of paced users that got ready in that second."""
    logins = tuple(
        Slice(t, "worker-1", "GET /form", outcome, count, 0, {9: count}, starts=0, warm_up=True)
        for outcome, count in (("ok", good), ("http 500", failed))
        if count
    )
    return recordings.ended(dataclasses.replace(recordings.healthy(), warm_up=logins))


@pytest.mark.parametrize(("t", "voids"), [(-2, True), (40, False)])
def test_what_paced_users_ask_to_get_ready_is_looked_at_and_voids_only_what_comes_after_it(t: int, voids: bool) -> None:
    assert judge(with_warm_up(t, 100, 5), [*recordings.CRITERIA, GUARD]).outcome is Outcome.PASS
    verdict = judge(with_warm_up(t, 100, 50), [*recordings.CRITERIA, GUARD])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "50 of 150 requests" in verdict.reason and "GET /form (50), with http 500" in verdict.reason
    assert any(found.voided_by for found in verdict.findings) is voids


def test_connections_that_come_about_are_no_users_that_got_ready() -> None:
    before = with_warm_up(-2, 90, 10)
    opened = Slice(-2, "w", "connection /feed opened", OK, 900, 0, {0: 900}, warm_up=True)
    found = WarmUpHealthy().judge(dataclasses.replace(before, warm_up=(*before.warm_up, opened)))
    assert (found.outcome, found.figure) == (Outcome.INCONCLUSIVE, 0.1)
