"""A herd that logs in, and asks for more later: its profile after two seconds, and to be logged out when it is stopped.
The variables PROFILE and LOGOUT are the statuses that it gets then.
"""

import os

import gevent
from locust import task

import harness
from harness.load.http import PacedHttpUser
from harness.recording import CriterionSpec
from shapes import herd


class Member(PacedHttpUser):
    @task
    def visit(self):
        self.client.post("/login")
        if self.current_start.release is not None:
            gevent.sleep(2)
            self.client.get(f"/profile?status={os.environ['PROFILE']}", name="/profile")

    def on_stop(self):
        self.client.post(f"/logout?status={os.environ['LOGOUT']}", name="/logout")


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users, canary_per_s = 2, 20, 1, 3, 5, 5


harness.attach("later-steps", criteria=[CriterionSpec("error_ratio", {"limit": 0.2})])
