"""A node's report: what a master merges is what it writes into the recording."""

from __future__ import annotations

import gc
import json
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from gevent.event import Event
from gevent.pool import Group
from locust import User, constant, task
from locust.env import Environment
from locust.rpc.protocol import Message
from locust.user.task import LOCUST_STATE_RUNNING

from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.node_reporter import NodeReporter, Place
from harness.load.pacing import Slot, Start
from harness.load.report import Report
from harness.load.run_plan import Plan
from harness.recording import ProbeSample, Slice, Slices, Unanswered
from harness.recording.file import decode
from harness.recording.marks import GateMark
from shapes._profile import ARRIVALS, USERS, Polyline

SAMPLED_S = 1.2
"""A load process samples itself every second."""


def reported() -> tuple[Report, Report]:
    """A report after some requests, and the last one."""
    environment, finals = Environment(), []
    node = Node("run", Clock(exact=True))
    reporter = NodeReporter(environment, "worker-1", node, finals.append)
    plan = Plan("run", time.monotonic(), 60, ARRIVALS, Polyline(()), None, (), 0, paced=False, drain_s=0.0)
    try:
        assert reporter.report() == Report("run"), "no line has a time before the plan is there"
        reporter.begin(plan)
        for name, error in (("/a", None), ("/a", None), ("/b", ConnectionResetError())):
            environment.events.request.fire(
                request_type="GET", name=name, response_time=12.5, response_length=40, exception=error
            )
        gevent.sleep(SAMPLED_S)
        first = reporter.report()
        node.recorder.without_answer(3, "", "unfinished")
        reporter.settle(wait=False)
        return first, finals[0]
    finally:
        reporter.close()
        reporter.users_gone()


def test_samples_of_a_report_are_those_of_its_text_also_after_their_journey() -> None:
    first, last = reported()
    counts = Counter[tuple[str, str]]()  # over the seconds that it took
    for piece in first.slices:
        counts[piece.name, piece.outcome] += piece.count
    assert counts == {("GET /a", "ok"): 2, ("GET /b", "connection reset"): 1}
    assert [sample.probe for sample in first.samples] == ["generator", "machine"]
    assert (last.final, last.requests, [piece.outcome for piece in last.slices]) == (True, 3, ["unfinished"])
    for report in (first, last):
        lines = [decode(line) for line in report.lines.splitlines()]
        assert not any(isinstance(line, Slice | Slices) for line in lines), "the master writes those of all together"
        assert [line for line in lines if isinstance(line, ProbeSample)] == list(report.samples)
        came = Message.unserialize(Message("stats", report.to_message(), "worker").serialize())
        assert Report.from_message(came.data) == report


def test_what_has_no_answer_is_told_as_what_has_changed_in_it() -> None:
    """A backlog of minutes, told anew every second, would fill the recording."""
    environment, finals = Environment(), list[Report]()
    node = Node("run", Clock(exact=True))
    reporter = NodeReporter(environment, "worker-1", node, finals.append)
    try:
        reporter.begin(Plan("run", time.monotonic(), 60, ARRIVALS, Polyline(()), None, (), 0, paced=False, drain_s=0.0))

        def told() -> list[tuple[Any, ...]]:
            lines = (decode(line) for line in reporter.report().lines.splitlines())
            return sorted(row for line in lines if isinstance(line, Unanswered) for row in line.requests)

        def start(t: float, answered: bool = False) -> Start:
            made = Start(t, 0.0)
            made.answered = answered
            return made

        starts = node.recorder.starts
        starts.update({number: start(2.5) for number in range(100)})
        assert told() == [(2, "(iteration)", "unfinished", 100, 100)]
        assert told() == []
        starts.update({1000: start(7), 1001: start(7, answered=True)})
        assert told() == [(7, "(iteration)", "unfinished", 2, 1)]
        del starts[1000]
        assert told() == [(7, "(iteration)", "unfinished", 1, 0)]
        starts.clear()
        assert told() == [(2, "(iteration)", "unfinished", 0, 0), (7, "(iteration)", "unfinished", 0, 0)]
        assert told() == []
    finally:
        reporter.close()
        reporter.users_gone()


def test_a_load_that_is_ended_at_once_sends_nothing_when_its_account_is_closed() -> None:
    """Starts that were due already are still made; Locust's users have a turn of the loop between one and what they
    send.
    """
    environment, finals = Environment(), list[Report]()
    users: Group = Group()
    environment.runner = SimpleNamespace(user_greenlets=users)  # type: ignore[assignment]
    node = Node("run", Clock(exact=True))
    reporter = NodeReporter(environment, "worker-1", node, finals.append)

    def user() -> None:
        node.iterations.end()
        start = node.park(Slot())
        assert start is not None
        node.iterations.begin(start)
        gevent.sleep(0)  # in TaskSet.wait()
        now_s = time.monotonic()
        node.recorder.on_request("GET", "/", 0, 0, sent_s=now_s, done_s=now_s)  # the answer is there at once
        Event().wait()

    try:
        for _ in range(5):
            users.spawn(user)
        gevent.sleep(0.05)
        five_at_once = Polyline(((0, 50), (0.1, 50), (0.1, 0), (60, 0)))
        origin_s = time.monotonic() - 0.1
        reporter.begin(Plan("run", origin_s, 60, ARRIVALS, five_at_once, None, (), 5, paced=True, drain_s=5.0))
        reporter.halt()
        gevent.sleep(0.05)
        (last,), later = finals, reporter.users_gone()
    finally:
        reporter.close()
        reporter.users_gone()
    assert [(piece.outcome, piece.count) for piece in last.slices] == [("ok", 5), ("unfinished", 5)]
    assert (last.requests, last.unfinished) == (5, 5)
    assert (later.requests, later.slices) == (0, ()) and not users.greenlets


@pytest.mark.parametrize(
    ("pacing", "paced", "users"), [(ARRIVALS, False, 3), (USERS, False, 3), (USERS, True, 0), (ARRIVALS, True, None)]
)
def test_users_are_counted_where_they_set_the_pace(pacing: str, paced: bool, users: int | None) -> None:
    environment, runner = Environment(), SimpleNamespace(user_greenlets=[object()] * 3)
    node = Node("run", Clock(exact=True))
    reporter = NodeReporter(environment, "worker-1", node, list[Report]().append)
    try:
        assert reporter._users_there() is None
        line = Polyline(((0, 0), (60, 0)))
        node.begin(Plan("run", time.monotonic(), 60, pacing, line, None, (), 0, paced=paced, drain_s=0.0))
        environment.runner = runner  # type: ignore[assignment]
        assert reporter._users_there() == users
    finally:
        reporter.close()
        reporter.users_gone()


def test_one_load_process_of_each_machine_tells_of_it() -> None:
    ids = ["build-1_a", "big_host_b", "build-1_c", "big_host_d"]
    assert [Place.of_worker(each, ids, "build-1") for each in ids] == [
        Place(0, True),
        Place(2, True),
        Place(0, False),
        Place(2, False),
    ]


def test_what_waits_and_the_gates_come_to_the_master_without_being_read_back() -> None:
    told = Unanswered("worker-1", ((3, "GET /", "unfinished", 2, 1),))
    gate = GateMark(20.0, "worker-1", "herd", 3, (100, -5), 0.001)
    report = Report("run", unanswered=(told,), gates=(gate,))
    came = Message.unserialize(Message("stats", report.to_message(), "worker").serialize())
    assert Report.from_message(came.data) == report


def test_what_was_frozen_before_the_first_run_is_not_looked_through_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load process that is a fork would copy all that it shares with its master."""
    unfrozen = []
    monkeypatch.setattr(gc, "unfreeze", lambda: unfrozen.append(len(made)))
    monkeypatch.setattr(NodeReporter, "_has_frozen", False)
    made: list[NodeReporter] = []
    for _ in range(3):
        made.append(NodeReporter(Environment(), "worker-1", Node("run", Clock(exact=True)), lambda _: None))
        made[-1].close()
        made[-1].users_gone()
    assert unfrozen == [1, 2], "only what an earlier run has frozen"


class Present:
    """Stands in for a user in mid-iteration."""

    _state = LOCUST_STATE_RUNNING


def test_greenlets_that_have_ended_are_forgotten_but_for_users_who_were_stopped() -> None:
    """A task may spawn one for each of its requests; but when a stopped user was answered is asked at the end."""
    environment = Environment()
    runner = environment.create_local_runner()
    node = Node("run", Clock(exact=True))
    reporter = NodeReporter(environment, "worker-1", node, lambda _: None)
    may_end = Event()

    def ask(_: object) -> None:
        environment.events.request.fire(request_type="GET", name="/", response_time=1.0, response_length=4)
        may_end.wait()

    try:
        reporter.begin(Plan("run", time.monotonic(), 60, ARRIVALS, Polyline(()), None, (), 0, paced=False, drain_s=0.0))
        spawned, user = (gevent.spawn(ask, Present()) for _ in range(2))
        runner.user_greenlets.add(user)
        gevent.sleep(0)
        known = node.recorder.last_ended_s
        assert known is not None and set(known) == {spawned, user}
        reporter.report()
        assert set(known) == {spawned, user}
        reporter.stopping()
        may_end.set()
        gevent.joinall([spawned, user])
        reporter.report()
        assert set(known) == {user}
    finally:
        reporter.close()
        reporter.users_gone()
        runner.quit()


class Buyer(User):
    wait_time = constant(60)

    @task
    def buy(self) -> None: ...


class Rare(Buyer):
    """None of so few users is its."""

    weight = 0.01


def test_how_many_users_of_each_class_locust_had_is_told_when_it_is_more() -> None:
    """They say nothing themselves when they begin."""
    environment = Environment(user_classes=[Buyer, Rare])
    runner = environment.create_local_runner()
    reporter = NodeReporter(environment, "local", Node("run", Clock(exact=True)), lambda _: None)
    reporter.begin(Plan("run", time.monotonic(), 60, ARRIVALS, Polyline(()), None, (), 0, paced=False, drain_s=0.0))

    def told() -> list[dict[str, int]]:
        lines = reporter.report().lines.splitlines()
        return [each["users"] for line in lines if (each := json.loads(line)).get("mark") == "users"]

    try:
        found = [told()]
        for users in (2, 2, 3):
            runner.start(users, spawn_rate=10)
            with gevent.Timeout(5):
                while runner.user_count < users:
                    gevent.sleep(0.01)
            found.append(told())
        reporter.stopping()
        runner.stop()
        assert [*found, told()] == [[], [{"Buyer": 2}], [], [{"Buyer": 3}], []]
    finally:
        reporter.close()
        reporter.users_gone()
        runner.quit()
