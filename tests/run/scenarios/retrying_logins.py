"""Logins of clients that give up after half a second and try again at once, three times."""

from locust import task

import harness
from harness.load.http import PacedHttpUser, Retries
from harness.plugins import parameter
from shapes import step


class Customer(PacedHttpUser):
    timeout_s = 0.5
    retries = Retries(3, backoff_s=0)

    @task
    def log_in(self):
        options = self.environment.parsed_options
        name = options.username.format(number=self.number % 50)
        self.client.post("/auth/login", json={"username": name, "password": options.password})


class Rush(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 10, 5, 34, 8, 60, 150


class Options:
    username: str = parameter("user{number}", "name to log in with")
    password: str = parameter("", "password of all these users", secret=True)


harness.attach("retrying-logins", criteria=["recovery_time", "metastability"], health_path="/readyz", options=Options)
