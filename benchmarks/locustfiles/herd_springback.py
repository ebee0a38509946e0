"""A herd through the gate: warm connections, prepared requests."""

import harness
from harness.load.http import HerdHttpUser
from shapes import herd


class Login(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("POST", "/auth/login", json={"username": f"user{self.number}", "password": "x"})


class LoginHerd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s = 2, 500, 1, 1
    canary_per_s, canary_users = 0.0, 0


harness.attach("bench-herd")
