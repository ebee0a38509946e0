"""Users without a pacer who wait for an answer when a run is over: as many as have none are unfinished."""

from __future__ import annotations

import time
from typing import Any

import pytest
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.node_reporter import NodeReporter, _expected_statuses
from harness.load.report import Report
from harness.load.run_plan import Plan
from harness.recording.values import ITERATION, SHED, UNFINISHED
from shapes._profile import ARRIVALS, Polyline

STOPPED_S = 20.0
WAITING = {"a": 5.5, "b": 7.25, "c": 9.75}
"""User → since when it has been waiting, in seconds of the run."""


@pytest.mark.parametrize(
    ("answered", "ended", "paced", "unfinished"),
    [
        (0, {}, False, [5, 7, 9]),
        (0, {"a": 20.0, "b": 19.0}, False, [5, 7, 9]),
        (1, {"a": 20.5}, False, [7, 9]),
        (2, {"a": 20.5, "b": 21.0}, False, [9]),
        (3, {"a": 20.5, "b": 21.0, "c": 22.0}, False, []),
        (1, {}, False, [5, 7]),
        (2, {}, False, [5]),
        (3, {}, False, []),
        (9, {}, False, []),
        (0, {}, True, []),
    ],
)
def test_those_who_were_not_answered_since_the_stop_are_unfinished(
    answered: int, ended: dict[str, float], paced: bool, unfinished: list[int]
) -> None:
    """``answered``: requests that have ended since. Where it is not known whose they were, those who have waited for
    the longest are taken to wait still.
    """
    finals: list[Report] = []
    node = Node("run", Clock(exact=True))
    reporter = NodeReporter(Environment(), "worker-1", node, finals.append)
    origin_s = time.monotonic() - 30
    plan = Plan("run", origin_s, 20, ARRIVALS, Polyline(()), None, (), 0, paced=False, drain_s=0.0)
    try:
        reporter.begin(plan)
        if paced:
            node.plan = Plan("run", origin_s, 20, ARRIVALS, Polyline(()), None, (), 0, paced=True, drain_s=0.0)
        known: dict[Any, float] = {user: origin_s + t for user, t in ended.items()}
        node.recorder.last_ended_s = known
        waiting = reporter._unanswered
        waiting._running_at_stop = {user: origin_s + t for user, t in WAITING.items()}
        waiting._stopped_s, waiting._requests_at_stop = origin_s + STOPPED_S, 100
        node.recorder.requests = 100 + answered
        assert not reporter.delivered
        reporter.settle(wait=False)
        reporter.settle(wait=False)
    finally:
        reporter.close()
        reporter.users_gone()
    (last,) = finals
    assert reporter.delivered and last.final
    assert sorted((piece.t, piece.name, piece.outcome, piece.count) for piece in last.slices) == [
        (t, ITERATION, UNFINISHED, 1) for t in unfinished
    ]
    assert (last.unfinished, last.requests) == (len(unfinished), 100 + answered)


@pytest.mark.parametrize(
    ("expect", "shed", "status", "outcome"),
    [
        ("", "", 204, "ok"),
        ("", "", 404, "http 404"),
        ("404", "", 404, "ok"),
        ("404", "", 200, "http 200"),
        ("", "429", 429, SHED),
        ("", "429", 503, "http 503"),
    ],
)
def test_what_is_an_answer_is_said_by_the_options_of_the_run(expect: str, shed: str, status: int, outcome: str) -> None:
    environment = Environment()
    environment.parsed_options = type("Options", (), {"expect": expect, "shed": shed})()
    answer = type("Answer", (), {"status_code": status, "headers": {"Retry-After": "1"}})()
    assert _expected_statuses(environment).outcome(None, answer, status) == outcome
