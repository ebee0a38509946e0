"""Stock FastHttpUser without a pause, with or without the harness attached."""

import os

from locust import FastHttpUser, task

import harness
from shapes import flash_crowd


class Reader(FastHttpUser):
    @task
    def read(self):
        self.client.get("/")


class Constant(flash_crowd.FlashCrowd):
    baseline_s, ramp_up_s, plateau_s, ramp_down_s, recovery_s = 0, 0, 6, 0, 0
    base, peak = 20.0, 20.0


if os.environ["ATTACHED"] == "yes":
    harness.attach("bench-recorder")
