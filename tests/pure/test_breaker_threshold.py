"""How many calls had failed when a breaker was open: counts that are worked out by hand, and what leaves them open."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from harness import criteria
from harness.analysis.histogram import bucket_index
from harness.criteria.breaker import breaker_threshold
from harness.criteria.breaker._clients import Second
from harness.criteria.breaker._measure import BreakerBehaviour
from harness.criteria.breaker._state import Moment
from harness.findings import Finding
from harness.recording import CriterionSpec
from tests.pure.test_breaker_verdicts import FAIL, GOOD, INCONCLUSIVE, LEAKING, NEVER, ONE, PASS, RUN


def second(t: int, *, ok: int, fast: int = 0, unanswered: int = 0) -> Second:
    """Of 20 requests."""
    return Second(t, 20, ok, unanswered, {bucket_index(2_000): fast} if fast else {})


SECONDS = (second(30, ok=12, unanswered=2), second(31, ok=10, fast=4), second(32, ok=0, fast=17), second(33, ok=0))
"""8, 6, 3 and 20 failed otherwise than fast."""
OPENED = replace(GOOD, seconds=SECONDS, opened=Moment(31, 33))
TWO = (replace(ONE, probes=1), replace(ONE, source="b", probes=2))


def judged(monkeypatch: pytest.MonkeyPatch, measured: BreakerBehaviour, **parameters: Any) -> Finding:
    monkeypatch.setattr(breaker_threshold, "measure", lambda *_: measured)
    return criteria.load(CriterionSpec("breaker_threshold", parameters)).judge(RUN)


@pytest.mark.parametrize(
    ("changes", "interval"),
    [
        ({}, (6, 17)),
        ({"opened": Moment(31.9, 32.1)}, (6, 17)),
        ({"opened": Moment(30.9, 32)}, (0, 14)),
        ({"opened": Moment(32, 33.1)}, (12, 37)),
        ({"instances": (replace(ONE, probes=4),)}, (6, 17)),
        ({"instances": TWO}, (1.5, 8.5)),
        ({"instances": (replace(ONE, probes=9), TWO[1])}, (0, 8.5)),
        ({"instances": (replace(ONE, probes=None), TWO[1])}, (0, 8.5)),
    ],
)
def test_the_calls_of_whole_seconds_before_it_opened_are_certain_and_those_of_the_others_possible(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], interval: tuple[float, float]
) -> None:
    """Two of the first second had no answer. Of several instances one may have tried what the last one had not yet."""
    found = judged(monkeypatch, replace(OPENED, **changes), limit=100)
    assert (found.interval, found.figure, found.censored) == (interval, interval[1], False)
    assert found.evidence["instances"] == max(1, len(changes.get("instances", ())))
    assert found.evidence["told by"] == "signature"


@pytest.mark.parametrize(
    ("limit", "outcome", "settled_by"),
    [
        (17, PASS, ""),
        (16.9, INCONCLUSIVE, "; 2 of them had no answer, so nobody knows which were tried: users that wait for longer"),
        (15, INCONCLUSIVE, "; 2 of them had no answer"),
        (14.9, INCONCLUSIVE, "; fewer requests a second would settle it"),
        (6, INCONCLUSIVE, "; fewer requests a second would settle it"),
        (5.9, FAIL, ""),
    ],
)
def test_the_whole_interval_is_held_against_the_limit(
    monkeypatch: pytest.MonkeyPatch, limit: float, outcome: object, settled_by: str
) -> None:
    found = judged(monkeypatch, OPENED, limit=limit)
    seen = f"6 to 17 calls had failed when it was open, limit {limit:g}"
    assert found.outcome is outcome and found.reason.startswith(seen + settled_by)
    assert settled_by or found.reason == seen


def test_what_had_no_answer_counts_for_each_of_its_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(monkeypatch, replace(OPENED, instances=TWO), limit=7.5)
    assert found.reason.startswith(
        "1.5 to 8.5 calls by each of 2 instances had failed when it was open, limit 7.5; 2 of them had no answer"
    )


@pytest.mark.parametrize(("instances", "calls"), [((), 50), (TWO, 25)])
def test_one_that_never_opened_has_tried_all_that_its_dependency_counted(
    monkeypatch: pytest.MonkeyPatch, instances: tuple[Any, ...], calls: float
) -> None:
    never = replace(NEVER, instances=instances)
    found = judged(monkeypatch, never, limit=calls - 1)
    assert (found.outcome, found.figure, found.interval, found.censored) == (FAIL, None, (calls, math.inf), True)
    each = " by each of 2 instances" if instances else ""
    assert found.reason == f"it was not open after {calls} calls{each} to a dependency that failed, limit {calls - 1}"
    more = judged(monkeypatch, never, limit=calls)
    assert more.outcome is INCONCLUSIVE
    assert more.reason.endswith(f", limit {calls}; a longer failure, or more requests in it, would settle it")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"missing": "no fault"}, "no fault"),
        (
            {"instances": (ONE, replace(ONE, source="b", was_open=True))},
            "b was open before its dependency failed: begin with a closed breaker",
        ),
        (
            {"open_before_s": 28},
            "open before the failure: requests failed fast from 28 s on, the dependency from 30.0 s on: begin with a "
            "closed breaker",
        ),
        (
            {"signature": False},
            "no answer had the signature of an open breaker, so nobody knows which calls failed: name it",
        ),
        (
            {"opened": NEVER.opened, "leak": None, "unobserved": "nobody counts"},
            "it was never seen open, and how many calls reached its dependency is not known: nobody counts",
        ),
        (
            {"opened": NEVER.opened, "leak": None},
            "it was never seen open, and how many calls reached its dependency is not known: its counter was not read "
            "twice in the failure",
        ),
    ],
)
def test_what_keeps_the_calls_from_being_counted(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], told: str
) -> None:
    """Of a breaker that was open before, no call had failed when it was open: that is no proof of anything."""
    found = judged(monkeypatch, replace(OPENED, **changes), limit=100, signature_remedy="name it")
    assert (found.outcome, found.reason, found.interval) == (INCONCLUSIVE, told, None)


def test_one_that_never_opened_needs_no_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, replace(NEVER, signature=False, leak=LEAKING)).outcome is FAIL
