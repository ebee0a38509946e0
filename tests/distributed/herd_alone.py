"""A herd and nobody beside it: every request of the run belongs to the release."""

import harness
from harness.load.http import HerdHttpUser
from shapes import herd


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("POST", "/herd", json={"number": self.number})


class Spike(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users, canary_per_s = 2, 20, 1, 2, 0, 0.0


harness.attach("herd-of-two-hosts")
