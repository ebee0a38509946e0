"""Visits, a few a second and then many: for the search for the limit. A service that falls behind by a fifth for 6 s is
more than twice as late as it may be, and one that does not has time for a turn that comes late.
"""

import harness
from harness.load.http import HerdHttpUser
from harness.recording.header import CriterionSpec
from shapes import step


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/visit")


class Visits(step.Step):
    base, peak, baseline_s, hold_s, recovery_s = 20, 100, 2, 6, 3


harness.attach("visits", criteria=[CriterionSpec("latency_quantile", {"limit_s": 0.5}), "error_ratio"])
