"""A shape in anybody's locustfile, without attach."""

from locust import HttpUser, constant, task

from shapes import herd


class Visitor(HttpUser):
    wait_time = constant(0.2)

    @task
    def visit(self):
        self.client.get("/visit")


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users = 2, 10, 3, 2, 2
