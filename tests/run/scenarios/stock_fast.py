"""Locust's own FastHttpUser, not parked: the number of users follows the level. SHAPE picks the shape."""

import os

from locust import FastHttpUser, constant, task

import harness
from harness.recording import CriterionSpec
from shapes import flash_crowd, herd


class Visitor(FastHttpUser):
    wait_time = constant(0.2)

    @task
    def visit(self):
        self.client.post("/visit", json={"name": "anybody"})


if os.environ.get("SHAPE") == "flash_crowd":

    class Crowd(flash_crowd.FlashCrowd):
        baseline_s, ramp_up_s, plateau_s, ramp_down_s, recovery_s, base, peak = 2, 1, 2, 1, 2, 2, 12

else:

    class Herd(herd.Herd):
        baseline_s, herd_users, spike_s, recovery_s, canary_users = 2, 10, 3, 2, 2


harness.attach("stock-fast", criteria=[CriterionSpec("error_ratio", {"limit": 0.3})])
