"""Who holds connections while parked, and what an answer beside them takes."""

from __future__ import annotations

import pytest
from locust import FastHttpUser, HttpUser, User

from harness.load.http import LeanHttpUser, PacedHttpUser
from harness.load.users.paced import Paced
from harness.run.readiness import are_held, check_name


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
