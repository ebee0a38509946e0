"""Where all users stay connected, a service that takes no new connection recovers all the same: the report says so."""

from __future__ import annotations

import pytest
from locust import HttpUser, User

from harness.load.http import HerdHttpUser, PacedHttpUser
from harness.recording import CriterionSpec
from harness.run.header import unseen_connections
from shapes import herd, step
from shapes._phased import PhasedShape
from shapes._profile import Herd, Profile

RECOVERY = (CriterionSpec("error_ratio"), CriterionSpec("recovery_time"))
SHAPES: tuple[type[PhasedShape], ...] = (step.Step, herd.Herd)
STEP, HERD = (shape().profile() for shape in SHAPES)


class Buyer(PacedHttpUser):
    pass


class Newcomer(PacedHttpUser):
    connect_early = False


class Login(HerdHttpUser):
    pass


class Stock(HttpUser):
    pass


def of_login_alone() -> Profile:
    return Profile(STEP.phases, STEP.users, STEP.starts, herds=(Herd("spike", 30, 10, ("Login",)),))


@pytest.mark.parametrize(
    ("criteria", "profile", "users", "named"),
    [
        (RECOVERY, STEP, (Buyer, Newcomer, Stock), "users of Buyer may"),
        (RECOVERY, STEP, (Buyer, Login), "users of Buyer, Login may"),
        (RECOVERY, of_login_alone(), (Buyer, Login), "users of Buyer may"),
        (RECOVERY, HERD, (Buyer, Login), ""),
        (RECOVERY, STEP, (Newcomer, Stock), ""),
        (RECOVERY[:1], STEP, (Buyer,), ""),
    ],
)
def test_who_stays_connected_is_named(
    criteria: tuple[CriterionSpec, ...], profile: Profile, users: tuple[type[User], ...], named: str
) -> None:
    said = "".join(unseen_connections(criteria, profile, users))
    assert said.startswith(named) and bool(said) is bool(named)
    assert not said or said.endswith("with --connect-early no each start opens its own")
