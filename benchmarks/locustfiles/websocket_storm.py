"""Many WebSocket users who connect at one instant, stay, are all cut at another, and come back."""

import os

from locust import task

import harness
from harness.load.websocket import WebSocketUser
from shapes import avalanche


class Held(WebSocketUser):
    @task
    def hold(self):
        self.name = "/feed" if self.in_herd else "/canary"  # who looks in beside the herd is not counted with it
        self.open()
        if self.in_herd:
            self.abort_in("drop")
            self.stay_connected(self.run_end_s())
        self.disconnect()


class Storm(avalanche.Avalanche):
    baseline_s, spike_s, steady_s, drop_s, recovery_s = 3, 10, 3, 10, 3
    herd_users, canary_per_s, canary_users = int(os.environ["USERS"]), 1, 5


harness.attach("bench-storm", criteria=["reconnect_time"])
