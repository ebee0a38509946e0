"""Starts at a constant rate, served by the lean client: base and peak are the same level."""

import harness
from harness.load.http import HerdHttpUser
from shapes import flash_crowd


class Reader(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/")


class Constant(flash_crowd.FlashCrowd):
    baseline_s, ramp_up_s, plateau_s, ramp_down_s, recovery_s = 0, 0, 10, 0, 0
    base, peak, pool_users = 2000.0, 2000.0, 200


harness.attach("bench-arrivals")
