"""Two classes of users, three to one; the rare one is slow. SHAPE picks what they do, FIXED how many are slow."""

import os

from locust import task

import harness
from harness.load.http import PacedHttpUser
from harness.recording import CriterionSpec
from shapes import herd, step
from shapes.timeline import Level


class Browser(PacedHttpUser):
    weight = 1 if os.environ["SHAPE"] == "levels" else 3

    @task
    def browse(self):
        self.client.get("/products")


class Reporter(PacedHttpUser):
    if "FIXED" in os.environ:
        fixed_count = int(os.environ["FIXED"])

    @task
    def report(self):
        self.client.get("/report?latency_ms=200")


match os.environ["SHAPE"]:
    case "herd":

        class Load(herd.Herd):
            baseline_s, herd_users, recovery_s, canary_users, canary_per_s = 4, 40, 3, 16, 8

    case "arrivals":

        class Load(step.Step):
            baseline_s, hold_s, recovery_s, base, peak, pool_users = 3, 2, 3, 8, 32, 64

    case "users":

        class Load(step.Step):
            baseline_s, hold_s, recovery_s, base, peak, pacing = 3, 2, 3, 4, 16, "users"

    case "levels":

        class Load(step.Step):
            baseline_s, hold_s, recovery_s, base, peak = 3, 2, 3, 8, 32

            def class_levels(self):
                return {"Browser": 1.0, "Reporter": Level(4, {"spike": 10}, herds={"spike": 11})}


harness.attach("mixed", criteria=[CriterionSpec("error_ratio", {"limit": 0.3})])
