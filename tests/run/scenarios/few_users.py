"""A herd, and CANARY_USERS for the stream beside it, who fetch a form before each visit; a visit takes LATENCY_MS."""

import os

import harness
from harness.load.http import HerdHttpUser
from harness.recording import CriterionSpec
from shapes import herd


class Visitor(HerdHttpUser):
    def prepare(self):
        self.client.get("/form?latency_ms=0", name="/form")
        return self.client.prepare("POST", f"/visit?latency_ms={os.environ['LATENCY_MS']}")


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_per_s = 3, 20, 1, 4, 10
    canary_users = int(os.environ["CANARY_USERS"])


harness.attach(
    "few-users",
    criteria=[
        CriterionSpec("latency_quantile", {"quantile": 0.5, "limit_s": 1, "phase": phase, "name": phase})
        for phase in ("spike", "recovery")
    ],
)
