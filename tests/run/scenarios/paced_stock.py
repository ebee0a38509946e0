"""Locust's own HttpUser, made to park: the gate wakes it, and it sends for itself."""

from locust import HttpUser, task

import harness
from harness.load.users.paced import Paced
from harness.recording import CriterionSpec
from shapes import herd


class Visitor(Paced, HttpUser):
    @task
    def visit(self):
        self.client.post("/visit", json={"number": self.number})


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users = 1, 20, 1, 2, 5


harness.attach("paced-stock", criteria=[CriterionSpec("error_ratio", {"limit": 0.3})])
