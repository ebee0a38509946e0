"""Logins of clients that give up after half a second and try again at once, three times."""

from locust import task

import harness
from harness.load.http import PacedHttpUser, Retries
from shapes import step


class Customer(PacedHttpUser):
    timeout_s = 0.5
    retries = Retries(3, backoff_s=0)

    @task
    def log_in(self):
        self.client.post("/auth/login", json={"username": f"user{self.number % 50}", "password": "springback"})


class Rush(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 10, 5, 34, 8, 60, 150


harness.attach("retrying-logins", criteria=["recovery_time", "metastability"], health_path="/readyz")
