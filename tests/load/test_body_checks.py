"""Whether a scenario looks at bodies, read from its code."""

from __future__ import annotations

from typing import Any

import pytest
from locust import HttpUser, TaskSet, User, task

from harness.load.http import HerdHttpUser, LeanHttpUser
from harness.load.users.body_checks import judged_by_status
from harness.load.users.items import ItemUser
from harness.load.users.pooled import PooledHttpUser


def is_an_order(answer: Any) -> bool:
    return "order" in answer.text


class Herd(HerdHttpUser):
    def prepare(self) -> Any:
        return self.client.prepare("POST", "/", json={"text": 1})


class CheckedHerd(Herd):
    def check(self, response: Any) -> str | None:
        return None if response.ok else "no"


class DeclaredHerd(Herd):
    expect_text = "token"


class Declaring(LeanHttpUser):
    @task
    def visit(self) -> None:
        self.client.get("/", expect_json={"ok": True})


class Asking(LeanHttpUser):
    @task
    def visit(self) -> None:
        self.client.post("/", json={"json": 1}, name="content")


class Caught(HttpUser):
    @task
    def visit(self) -> None:
        with self.client.get("/", catch_response=True):
            pass


class ByFunction(LeanHttpUser):
    @task
    def visit(self) -> None:
        is_an_order(self.client.get("/"))


class InTaskSet(HttpUser):
    @task
    class Tasks(TaskSet):
        @task
        def visit(self) -> None:
            self.client.get("/").json()


class NoHttp(User):
    pass


@pytest.mark.parametrize(
    ("user", "unchecked"),
    [
        (Herd, True),
        (CheckedHerd, False),
        (DeclaredHerd, False),
        (Declaring, False),
        (Asking, True),
        (Caught, False),
        (ByFunction, False),
        (InTaskSet, False),
        (NoHttp, False),
        (ItemUser, False),
        (PooledHttpUser, False),
    ],
)
def test_what_looks_at_a_body_is_told_from_what_sends_one(user: type[User], unchecked: bool) -> None:
    assert judged_by_status([user]) == ((user.__name__,) if unchecked else ())
