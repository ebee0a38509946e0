"""Visits, a few a second and then many: for the search for the limit."""

import harness
from harness.load.http import HerdHttpUser
from harness.recording_header import CriterionSpec
from shapes import step


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/visit")


class Visits(step.Step):
    base, peak, baseline_s, hold_s, recovery_s = 20, 100, 2, 6, 3


harness.attach("visits", criteria=[CriterionSpec("latency_quantile", {"limit_s": 0.15}), "error_ratio"])
