"""Users who log in: which answer is their own."""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import harness
from harness.load.users import login
from harness.load.users.login import LoginUser
from tests.http.scripted import scripted
from tests.load.single_user import single_user
from tests.load.test_items import answer


class Anybody(LoginUser):
    """Whose request is somebody's own, and says nothing of a name."""

    abstract = True

    def prepare(self) -> Any:
        return self.client.prepare("POST", "/auth/login", json={"device": 7})


def outcomes(
    username: str, *bodies: bytes, numbers: tuple[int, ...], kind: type[LoginUser] = LoginUser
) -> Counter[str]:
    """Of one login after another, each of the user of that number."""
    with scripted(*(answer(200, body) for body in bodies)) as service:
        user, node = single_user(kind, service.url, username=username, password="secret", login_path="/auth/login")
        for number in numbers:
            user.number = number
            user.client.send(user.prepare(), check=user.check)
        found: Counter[str] = Counter()
        for piece in node.recorder.drain("n"):
            found[piece.outcome] += piece.count
        return found


ONE, TWO = b'{"token": "one"}', b'{"token": "two"}'


def test_a_token_that_somebody_else_has_got_is_no_good_answer() -> None:
    assert outcomes("user{number}", ONE, TWO, numbers=(1, 2)) == {"ok": 2}
    assert outcomes("user{number}", ONE, ONE, numbers=(1, 2)) == {"ok": 1, "token of another user": 1}
    assert outcomes("user{number}", ONE, ONE, TWO, numbers=(1, 1, 1)) == {"ok": 3}, "the same one's next login"


def test_one_name_for_all_may_have_one_token() -> None:
    assert outcomes("me", ONE, ONE, numbers=(1, 2)) == {"ok": 2}
    assert outcomes("me", ONE, ONE, numbers=(1, 2), kind=Anybody) == {"ok": 2}


@pytest.mark.parametrize(
    "body", [b"{}", b'{"token": null}', b'{"token": ""}', b'{"error": "later"}', b"[]", b'"busy"', b"null", b"<html>"]
)
def test_an_answer_without_a_token_is_none(body: bytes) -> None:
    cause = "not JSON" if body.startswith(b"<") else "no token in the answer"
    assert outcomes("user{number}", body, numbers=(1,)) == {cause: 1}


def test_the_newest_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service with a new one at each login does not fill the load process."""
    monkeypatch.setattr(login, "MOST_TOKENS", 2)
    three = b'{"token": "three"}'
    assert outcomes("user{number}", ONE, TWO, TWO, numbers=(1, 1, 2)) == {"ok": 2, "token of another user": 1}
    assert outcomes("user{number}", ONE, TWO, three, ONE, numbers=(1, 1, 1, 2)) == {"ok": 4}


@pytest.mark.parametrize(
    ("page", "redirected", "outcome"),
    [
        ("<p>Hello, member1!</p>", True, None),
        ("<p>Hello, member12!</p>", True, "session of somebody else"),
        ("<p>member1 is locked: too many logins</p>", False, "no redirect after the login"),
        ("<form><input name=username><input name=password></form> member1", True, "login form again"),
    ],
)
def test_a_page_that_names_the_user_is_no_login(
    monkeypatch: pytest.MonkeyPatch, page: str, redirected: bool, outcome: str | None
) -> None:
    """By the example for forms."""
    monkeypatch.setattr(harness, "attach", lambda *_, **__: None)
    member = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "form_login.py"))["Member"]
    response = SimpleNamespace(text=page, url="http://127.0.0.1:8000/me/", history=[302] if redirected else [])
    found = member.check(SimpleNamespace(account={"username": "member1"}), response)
    assert (found and found.outcome) == outcome
