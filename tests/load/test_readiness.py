"""Who holds connections while parked, and what an answer beside them takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust import FastHttpUser, HttpUser, User

from harness.load.http import LeanHttpUser, PacedHttpUser
from harness.load.users.paced import Paced
from harness.recording.marks import ExceptionMark
from harness.run.readiness import BrokenOffError, Readiness, are_held, check_name


def test_who_holds_connections_while_parked() -> None:
    cold = type("Cold", (PacedHttpUser,), {"connect_early": False, "abstract": True})
    logged_in = type("LoggedIn", (Paced, HttpUser), {"abstract": True})
    odd = type("Odd", (Paced, User), {"abstract": True})
    assert are_held([PacedHttpUser]) and are_held([cold, logged_in])
    for users in ([cold], [LeanHttpUser], [FastHttpUser], [odd]):
        assert not are_held(users)


@pytest.mark.parametrize(("path", "asked"), [("", "/"), ("/readyz", "/readyz"), ("/readyz?token=hush", "/readyz")])
def test_what_is_recorded_of_the_question_has_no_query(path: str, asked: str) -> None:
    assert check_name(path) == f"GET {asked} beside parked connections"


def refused(count: int) -> ExceptionMark:
    return ExceptionMark(0, "", "NotReadyError", "/token was answered with http 503", "", "prepare", count)


@pytest.mark.parametrize(
    ("answers_s", "told"),
    [
        ([0.1], []),
        ([None, 0.1], [False]),
        ([None, 1.9, None, 0.4], [False]),  # a machine that was busy
        ([None, 1.9, 0.6, 0.6, 0.1], [False, None]),  # slow also without them, which proves nothing
    ],
)
def test_users_are_parked_unconnected_where_only_their_connections_make_others_starve(
    answers_s: list[float | None], told: list[bool | None]
) -> None:
    """``answers_s`` beside them first, and then without them, None for no answer in time."""
    nodes: Any = SimpleNamespace(parked={}, wanted=0, lost={}, prevented=None, parked_users=1)
    settings: Any = SimpleNamespace(ready_timeout_s=5, connect_early="auto")
    answers, said, marks = iter(answers_s), [], []
    target: Any = SimpleNamespace(answered_anew_in_s=lambda: next(answers), path="")
    Readiness(nodes, 1, settings, [PacedHttpUser], target, said.append, marks.append, lambda: None).wait()
    assert said == told
    assert [mark.ok for mark in marks] == [False] * (told == [False])


def readiness(nodes: Any, within_s: float) -> Readiness:
    settings: Any = SimpleNamespace(ready_timeout_s=within_s, connect_early="yes")
    nothing: Any = lambda *_: None  # noqa: E731
    return Readiness(nodes, 1, settings, [], nothing, nothing, nothing, nothing)


def waited_for() -> Any:
    return SimpleNamespace(parked={}, wanted=1, lost={}, prevented=None, parked_users=0)


def test_a_refusal_of_the_service_is_told_at_once_and_ends_the_run_when_the_time_is_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nodes = waited_for()
    late = readiness(nodes, 0.1)
    late.note_parked("n", 0, refused(0), late._connect_early)
    with pytest.raises(
        BrokenOffError,
        match=r"^users cannot get ready: .*http 503.*; only 0 of 1 users .* within 0.1 s; mend that; if .* only slow, ",
    ):
        late.wait()
    assert capsys.readouterr().err.count("users are not ready yet: ") == 1


def test_users_who_are_let_in_at_last_are_waited_for() -> None:
    nodes = waited_for()
    patient = readiness(nodes, 5)
    patient.note_parked("n", 0, refused(0), patient._connect_early)

    def let_in() -> None:
        nodes.parked_users = 1
        patient.note_parked("n", 1, refused(0), patient._connect_early)

    gevent.spawn_later(0.1, let_in)
    patient.wait()


def test_what_users_code_raises_is_told_at_once_whatever_a_service_refuses() -> None:
    told = readiness(waited_for(), 5)
    told.note_parked("n", 0, refused(2), told._connect_early)
    told.note_parked("m", 0, refused(0), told._connect_early)
    with gevent.Timeout(2), pytest.raises(BrokenOffError, match="users cannot get ready"):
        told.wait()
