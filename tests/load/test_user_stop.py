"""Users that are stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from locust import TaskSet, User, constant, task
from locust.env import Environment

from harness.load import user_stop
from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.node_reporter import NodeReporter
from harness.load.report import Report
from harness.load.run_plan import Plan
from harness.load.user_stop import bound_on_stop
from shapes._profile import ARRIVALS, Polyline

PATIENCE_S = 10.0


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bound_on_stop()
    monkeypatch.setattr(user_stop, "LOOK_S", 0.02)
    yield
    gevent.sleep(0.03)  # who watches notices that nobody is left


class Leaving(User):
    """Waits, and takes its time in the end."""

    abstract = True
    wait_time = constant(60)
    task_s = 0.0
    leaves_s = 10.0
    done: list[str]

    def on_start(self) -> None:
        self.done = type(self).done

    @task
    def work(self) -> None:
        gevent.sleep(self.task_s)

    def on_stop(self) -> None:
        self.done.append("begun")
        gevent.sleep(self.leaves_s)
        self.done.append("ended")


class LeavingBusy(Leaving):
    """The same of one that has a task to do."""

    abstract = True
    task_s = 60.0


def a_class(base: type[Leaving], **attributes: Any) -> type[Leaving]:
    return type("Guest", (base,), {"abstract": False, "done": [], **attributes})


def stopped(*users: type[User], stop_timeout_s: float = 0.0) -> tuple[float, list[str]]:
    """Runs one user of each class and stops them: how long that took, and whose on_stop the recording says was cut."""
    environment = Environment(user_classes=list(users), stop_timeout=stop_timeout_s)
    runner = environment.create_local_runner()
    reports: list[Report] = []
    reporter = NodeReporter(environment, "local", Node("run", Clock(exact=True)), reports.append)
    reporter.begin(Plan("run", time.monotonic(), 60, ARRIVALS, Polyline(()), None, (), 0, paced=False, drain_s=0.0))
    try:
        runner.start(len(users), spawn_rate=10)
        with gevent.Timeout(PATIENCE_S):
            while runner.user_count < len(users):
                gevent.sleep(0.01)
            gevent.sleep(0.05)  # they have begun their tasks
        began_s = time.monotonic()
        with gevent.Timeout(PATIENCE_S):
            runner.stop()
        took_s = time.monotonic() - began_s
        reporter.settle(wait=False)
        reports.append(reporter.users_gone())
        lines = [json.loads(line) for report in reports for line in report.lines.splitlines()]
        return took_s, [each["detail"] for each in lines if each.get("event") == "cut off"]
    finally:
        runner.quit()
        reporter.close()
        reporter.users_gone()


@pytest.mark.parametrize(("base", "stop_timeout_s"), [(Leaving, 0.2), (LeavingBusy, 0.0), (Leaving, 0.0)])
def test_an_on_stop_that_hangs_is_ended_and_told(
    base: type[Leaving], stop_timeout_s: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Locust itself waits for it without a bound, and no request tells of it: it has no answer."""
    monkeypatch.setattr(user_stop, "ON_STOP_S", 0.3)
    guest = a_class(base)
    took_s, cut_off = stopped(guest, stop_timeout_s=stop_timeout_s)
    assert 0.3 <= took_s < 3 and guest.done == ["begun"]
    assert cut_off == ["on_stop of users of Guest"]
    assert capsys.readouterr().err.count("Guest.on_stop had not come to its end after 0.3 s, and was ended") == 1


@pytest.mark.parametrize("base", [Leaving, LeavingBusy])
@pytest.mark.parametrize(("usual_s", "own"), [(5.0, {}), (0.01, {"on_stop_s": 5.0})])
def test_what_on_stop_does_in_time_is_done(
    base: type[Leaving], usual_s: float, own: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_stop, "ON_STOP_S", usual_s)
    guest = a_class(base, leaves_s=0.1, **own)
    assert stopped(guest)[1] == [] and guest.done == ["begun", "ended"]


def test_the_time_of_an_on_stop_begins_with_it_and_not_when_its_user_was_told_to_stop(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Locust waits for those that were parked, and then for the tasks: all that is not the on_stop of the others."""
    parked = a_class(Leaving, leaves_s=0.6, on_stop_s=5.0)
    busy = type("Busy", (LeavingBusy,), {"abstract": False, "done": [], "leaves_s": 0.2, "on_stop_s": 0.4})
    took_s, cut_off = stopped(parked, busy, stop_timeout_s=0.3)
    assert took_s > 1.0 and cut_off == []
    assert parked.done == busy.done == ["begun", "ended"]
    assert "on_stop" not in capsys.readouterr().err


def test_an_on_stop_that_locust_cuts_off_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """It began when the task had ended, and the time for stopping was over soon after."""
    busy = a_class(LeavingBusy, task_s=0.3, leaves_s=1.0)
    _, cut_off = stopped(busy, stop_timeout_s=0.6)
    assert (busy.done, cut_off) == (["begun"], ["on_stop of users of Guest"])
    assert "and was ended" not in capsys.readouterr().err


def test_that_of_a_task_set_is_bounded_too_and_is_no_end_of_that_of_the_user() -> None:
    done: list[str] = []

    def hang(_: object) -> None:
        done.append("TaskSet")
        gevent.sleep(10)

    visits = type("Visits", (TaskSet,), {"tasks": [lambda _: gevent.sleep(60)], "on_stop": _renamed(hang)})
    guest = type("Visitor", (User,), {"tasks": [visits], "on_stop": lambda _: done.append("User"), "on_stop_s": 0.2})
    took_s, cut_off = stopped(guest)
    assert (done, cut_off) == (["TaskSet", "User"], ["on_stop of users of Visitor"]) and took_s < 3


def _renamed(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """As a decorator does it."""
    return lambda self: function(self)


def test_a_user_that_was_stopped_before_it_began_had_no_on_stop() -> None:
    guest = a_class(Leaving)
    environment = Environment(user_classes=[guest])
    runner = environment.create_local_runner()
    noted: list[object] = []
    environment.events.user_error.add_listener(lambda **told: noted.append(told))
    (user,) = runner.spawn_users({"Guest": 1})
    user.stop(force=True)
    assert guest.done == [] and user.greenlet.dead and not noted
    runner.quit()
