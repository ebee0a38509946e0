"""A herd through the gate: prepared requests; warm connections, or cold ones with ``COLD=1`` in the environment."""

import os

import harness
from harness.load.http import HerdHttpUser
from shapes import herd


class Login(HerdHttpUser):
    connect_early = "COLD" not in os.environ
    verify_tls = False  # the certificate is of the benchmark's own making; the peers do not verify either

    def prepare(self):
        return self.client.prepare("POST", "/auth/login", json={"username": f"user{self.number}", "password": "x"})


class LoginHerd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s = 1, 500, 1, 1
    canary_per_s, canary_users = 0.0, 0


harness.attach("bench-herd")
