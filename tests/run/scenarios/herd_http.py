"""The lean client and a herd. An environment variable picks what the users do, for the tests that need it odd."""

import os

from locust import task

import harness
from harness.load.http import HerdHttpUser
from harness.load.users.paced import Paced
from harness.plugins import parameter
from harness.recording import CriterionSpec
from shapes import herd

ODD = os.environ.get("ODD_USERS", "")


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("POST", "/visit", json={"number": self.number})


if ODD == "silent":

    class Visitor(Paced):
        @task
        def nothing(self):
            """Comes, and sends nothing."""


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users = 1, 20, 1, 2, 5


class Options:
    greeting: str = parameter("hello", "what the users say", web=True)


# Wide enough that 25 requests without an error pass, and 25 errors fail.
harness.attach(
    "herd-http",
    criteria=[CriterionSpec("error_ratio", {"limit": 0.3})],
    options=Options,
)
