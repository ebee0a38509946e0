"""Users that get ready while they are parked: again when a token runs out, never at the last moment before a gate, and
with words where the service does not let them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import gevent
from locust import User, task
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.gate import LAST_RENEWAL_S
from harness.load.node import Node
from harness.load.pacing import NotReadyError
from harness.load.present_node import set_node
from harness.load.run_plan import Plan
from harness.load.users.paced import Paced
from shapes._profile import Herd, Polyline


class Member(Paced):
    """Its token lives for ``life_s``; ``log`` has what it does."""

    abstract = True
    life_s = 0.1
    log: list[tuple[str, float]]

    def get_ready(self) -> None:
        self.log.append(("ready", time.monotonic()))
        self.ready_until_s = time.monotonic() + self.life_s

    @task
    def work(self) -> None:
        self.log.append(("work", time.monotonic()))


@contextmanager
def parked(kind: type[User], users: int = 1) -> Iterator[tuple[Node, Any]]:
    environment = Environment(user_classes=[kind], parsed_options=SimpleNamespace())
    node = Node("r", Clock(exact=True))
    set_node(environment, node)
    runner = environment.create_local_runner()
    node.exceptions.listen(environment)
    try:
        runner.spawn_users({kind.__name__: users})
        yield node, environment
    finally:
        runner.quit()
        node.exceptions.close()


def until(condition: Any) -> None:
    with gevent.Timeout(20):
        while not condition():
            gevent.sleep(0.01)


def plan(origin_s: float, herd_at_s: float | None = None, rate: float = 0.0) -> Plan:
    herds = () if herd_at_s is None else (Herd("herd", herd_at_s, 1),)
    background = 0 if herds else 1
    return Plan(
        "r", origin_s, 3, "arrivals", Polyline(((0, rate), (3, rate))), None, herds, background, paced=True, drain_s=1
    )


def test_a_parked_user_gets_ready_again_when_its_token_runs_out() -> None:
    class Short(Member):
        log: list[tuple[str, float]] = []  # noqa: RUF012  # of this test

    with parked(Short) as (node, _):
        until(lambda: len(Short.log) >= 3)
        before_plan = len(Short.log)
        node.begin(plan(time.monotonic()))
        until(lambda: len(Short.log) >= before_plan + 3)
        assert {what for what, _ in Short.log} == {"ready"}


def test_nobody_leaves_the_gate_shortly_before_its_instant() -> None:
    class Short(Member):
        life_s = 0.3
        log: list[tuple[str, float]] = []  # noqa: RUF012  # of this test

    with parked(Short) as (node, _):
        until(lambda: node.parked)
        origin_s = time.monotonic()
        node.begin(plan(origin_s, herd_at_s=1.6))
        until(lambda: "work" in dict(Short.log))
        instants = [(what, instant_s - origin_s) for what, instant_s in Short.log]
    worked_s = dict(instants)["work"]
    renewals_s = [instant_s for what, instant_s in instants if what == "ready" and instant_s < worked_s]
    assert 1.6 <= worked_s < 2.6
    assert 0 < max(renewals_s) < 1.6 - LAST_RENEWAL_S + 0.05


def test_who_gets_ready_again_when_the_plan_arrives_is_of_the_herd() -> None:
    class Renewing(Member):
        log: list[tuple[str, float]] = []  # noqa: RUF012  # of this test

        def get_ready(self) -> None:
            super().get_ready()
            self.ready_until_s = time.monotonic() + (0.05 if len(self.log) == 1 else 60)
            if len(self.log) == 2:
                gevent.sleep(0.3)

    with parked(Renewing) as (node, _):
        until(lambda: node.parked)
        until(lambda: not node.parked)
        node.begin(plan(time.monotonic(), herd_at_s=1.2))
        until(lambda: "work" in dict(Renewing.log))
        node.drain()
        assert [mark.planned for mark in node.gate_marks] == [1]


def test_a_service_that_lets_nobody_get_ready_is_told_and_is_no_exception_of_the_users() -> None:
    class Refused(Member):
        log: list[tuple[str, float]] = []  # noqa: RUF012  # of this test

        def get_ready(self) -> None:
            self.log.append(("ready", time.monotonic()))
            raise NotReadyError("/token was answered with http 500")

    with parked(Refused) as (node, environment):
        raised: list[Any] = []
        environment.events.user_error.add_listener(lambda **event: raised.append(event))
        until(lambda: len(Refused.log) == 2)
        assert str(node.exceptions.prevents).startswith("NotReadyError: /token was answered with http 500")
        assert not node.parked and not raised
        assert node.exceptions.prevents is not None and not node.exceptions.prevents.count
        assert not node.exceptions.take(lambda second: second, "n")
