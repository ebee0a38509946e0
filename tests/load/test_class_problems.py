"""What a user class says and nobody would read."""

from __future__ import annotations

import functools
import types
from typing import Any

import pytest
from locust import FastHttpUser, HttpUser, TaskSet, User, between, constant, task

from harness.load.http import HerdHttpUser, LeanHttpUser, PacedHttpUser
from harness.load.users.class_problems import class_problems
from harness.load.users.paced import Paced
from harness.load.websocket import WebSocketUser


def one(base: type[User], **attributes: Any) -> type[User]:
    return type("Mine", (base,), {"__module__": "mine", "abstract": True, **attributes})


def method(*_: Any) -> None: ...


@task
def chore(*_: Any) -> None: ...


def renamed(value: Any, name: str) -> Any:
    """A copy of a function, called as the attribute."""
    if not isinstance(value, types.FunctionType):
        return value
    copied = types.FunctionType(value.__code__, value.__globals__, name, value.__defaults__, value.__closure__)
    vars(copied).update(vars(value))
    return copied


class Waiting(TaskSet):
    wait_time = constant(1)

    @task
    def visit(self) -> None: ...


@pytest.mark.parametrize(
    ("base", "name", "value", "meant"),
    [
        (LeanHttpUser, "timeout", 5, "timeout_s"),
        (LeanHttpUser, "verfy_tls", False, "verify_tls"),
        (PacedHttpUser, "connect_erly", False, "connect_early"),
        (HerdHttpUser, "chek", method, "check"),
        (HerdHttpUser, "prepar", method, "prepare"),
        (WebSocketUser, "on_mesage", method, "on_message"),
        (WebSocketUser, "first_pause", 1, "first_pause_s"),
        (PacedHttpUser, "on_strt", method, "on_start"),
        (LeanHttpUser, "wait_tme", between(1, 2), "wait_time"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(base: type[User], name: str, value: Any, meant: str) -> None:
    attributes = {"prepare": method, name: value} if base is HerdHttpUser and name != "prepar" else {name: value}
    problems = class_problems([one(base, **attributes)])
    assert any(f"Mine.{name}: nothing reads it; did you mean {meant}?" in problem for problem in problems), problems


@pytest.mark.parametrize("name", ["prepare", "check"])
def test_a_hook_of_other_users_is_told_from_a_slip(name: str) -> None:
    """Who writes a check that nobody calls believes that answers are checked."""
    (problem,) = class_problems([one(PacedHttpUser, **{name: method})])
    assert problem.startswith(f"Mine.{name}: only users of another kind are asked for it, no PacedHttpUser is; let")


@pytest.mark.parametrize(
    ("base", "attributes"),
    [
        (LeanHttpUser, {"products": [1], "checkout": method, "timeout_s": 5.0, "names": ("a",), "_timeout": 1}),
        (PacedHttpUser, {"visit": chore, "check_it": chore, "on_start": method}),
        (HerdHttpUser, {"prepare": method, "check": method, "prepare_order": method, "connect_early": False}),
        (HttpUser, {"timeout": 5, "wait_time": between(1, 2)}),
        (LeanHttpUser, {"wait_time": between(1, 2), "host": "http://127.0.0.1"}),
    ],
)
def test_what_is_a_users_own_is_left_alone(base: type[User], attributes: dict[str, Any]) -> None:
    assert class_problems([one(base, **attributes)]) == []


class Leaving(TaskSet):
    @task
    def interrupt(self) -> None: ...


def test_a_task_in_the_place_of_an_inherited_method_is_refused() -> None:
    """``listen`` is what stay_connected() calls: each connection would end in a TypeError of ours."""
    said = "it takes the place of a method that is called so; give it another name"
    assert class_problems([one(WebSocketUser, listen=chore)]) == [f"Mine.listen: {said}"]
    assert class_problems([one(HttpUser, wait=chore)]) == [f"Mine.wait: {said}"]
    assert class_problems([one(HttpUser, tasks=[Leaving])]) == [f"Leaving.interrupt: {said}"]
    assert class_problems([one(WebSocketUser, _connect=method)]) == [f"Mine._connect: {said}"]
    behind = type("Behind", (), {"_connect": method})
    assert class_problems([type("Mine", (WebSocketUser, behind), {"tasks": [chore]})]) == [], "it takes no place"


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        ({"send_prepared": chore}, ["send_prepared"]),
        ({"send_prepared": method}, ["send_prepared"]),
        ({"browse": chore}, ["browse"]),
        ({"tasks": [Leaving]}, ["Leaving"]),
        ({"tasks": [functools.partial(method, 1)]}, ["tasks"]),
    ],
)
def test_a_herd_has_no_tasks_of_its_own(attributes: dict[str, Any], names: list[str]) -> None:
    """What the gate has sent would be left without its answer, and the answer be taken for that of the task."""
    attributes = {name: renamed(value, name) for name, value in attributes.items()}
    said = [each for each in class_problems([one(HerdHttpUser, prepare=method, **attributes)]) if "of a herd" in each]
    assert [each.partition(":")[0] for each in said] == [f"Mine.{name}" for name in names]


def test_nor_does_it_inherit_one_in_the_place_of_ours() -> None:
    behind = type("Behind", (), {"send_prepared": renamed(chore, "send_prepared")})
    mine = type("Mine", (behind, HerdHttpUser), {"__module__": "mine", "abstract": True, "prepare": method})
    (said,) = class_problems([mine])
    assert said.startswith("Mine.send_prepared: users of a herd have no tasks")


class Extending(WebSocketUser):
    abstract = True

    @task
    def listen(self, until_s: float = 0.0) -> None:
        super().listen(until_s)


class Unfit(WebSocketUser):
    abstract = True

    @task
    def stay_connected(self) -> bool:
        return super().stay_connected(1.0)

    @task
    def abort_at(self, instant_s: float) -> None:
        super().abort_at(instant_s)


def test_a_task_that_extends_the_inherited_method_is_called_in_both_ways() -> None:
    assert class_problems([Extending]) == []
    named = "take that, or give it another name"
    assert class_problems([Unfit]) == [
        f"Unfit.stay_connected: it is called with (until_s) or, as a task, with nothing; {named}",
        "Unfit.abort_at: Locust calls a task with nothing; give its arguments defaults",
    ]


def test_a_method_that_cannot_be_called_as_the_inherited_one_is_refused() -> None:
    def check(self: object) -> None: ...

    (problem,) = class_problems([one(HerdHttpUser, prepare=method, check=check)])
    assert problem == "Mine.check: it is called with (response); take that, or give it another name"

    def send(self: object, data: str, quietly: bool = False) -> bool: ...

    assert class_problems([one(WebSocketUser, send=send)]) == []


@pytest.mark.parametrize("base", [PacedHttpUser, type("Stock", (Paced, HttpUser), {"abstract": True})])
def test_a_pause_of_users_whose_starts_come_from_a_shape_is_refused(base: type[User]) -> None:
    """They would wait in it, and never be parked."""
    (problem,) = class_problems([one(base, wait_time=between(1, 2))])
    assert problem == "Mine.wait_time: the shape decides when these users start; leave wait_time out"
    (problem,) = class_problems([one(base, tasks=[Waiting])])
    assert problem == "Waiting.wait_time: the shape decides when Mine starts; leave wait_time out"


@pytest.mark.parametrize("base", [HttpUser, FastHttpUser, type("Stock", (Paced, FastHttpUser), {"abstract": True})])
@pytest.mark.parametrize("name", ["expect", "expect_text", "expect_json", "shed", "honours_retry_after"])
def test_what_only_the_lean_client_reads_is_refused_where_it_is_not_there(base: type[User], name: str) -> None:
    """The run would pass whatever the answers hold."""
    (problem,) = class_problems([one(base, **{name: "429"})])
    assert problem.startswith(f"Mine.{name}: only the lean client reads it; make the class a LeanHttpUser")


def test_a_herd_that_prepares_nothing_is_refused() -> None:
    (problem,) = class_problems([one(HerdHttpUser)])
    assert problem.startswith("Mine has no prepare()")


def test_what_two_classes_have_in_common_is_said_once() -> None:
    base = one(PacedHttpUser, connect_erly=False)
    assert len(class_problems([type("A", (base,), {}), type("B", (base,), {})])) == 1
