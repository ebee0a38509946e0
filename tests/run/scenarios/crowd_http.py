"""The lean client and a flash crowd: arrivals, an open model."""

import harness
from harness.load.http import HerdHttpUser
from harness.recording import CriterionSpec
from shapes import flash_crowd


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/visit")


class Crowd(flash_crowd.FlashCrowd):
    baseline_s, ramp_up_s, plateau_s, ramp_down_s, recovery_s, base, peak = 1, 1, 1, 1, 1, 4, 20


harness.attach("crowd-http", criteria=[CriterionSpec("error_ratio", {"limit": 0.3})])
