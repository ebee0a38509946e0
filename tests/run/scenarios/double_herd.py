"""Two herds: users that were released once are back at the gate, connected, for the second time."""

import harness
from harness.load.http import HerdHttpUser
from harness.recording import CriterionSpec
from shapes import double_spike


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("POST", "/visit", json={"number": self.number})


class TwoHerds(double_spike.DoubleSpike):
    baseline_s, spike_s, gap_s, recovery_s, base, herd_users, spike_kind = 1, 1, 2, 1, 10.0, 20, "herd"


harness.attach("double-herd", criteria=[CriterionSpec("error_ratio", {"limit": 0.3})])
