"""Users that ask for the same small answer without a pause: of the class and number that the contest says."""

import os

from locust import FastHttpUser, HttpUser, task

import harness
from harness.load.http import LeanHttpUser
from shapes import flash_crowd

BASES = {"LeanHttpUser": LeanHttpUser, "FastHttpUser": FastHttpUser, "HttpUser": HttpUser}


class Reader(BASES[os.environ["CONTESTANT"]]):
    @task
    def read(self):
        self.client.get("/small")


class Constant(flash_crowd.FlashCrowd):
    baseline_s, ramp_up_s, plateau_s, ramp_down_s, recovery_s = 0, 0, 600, 0, 0
    base = peak = float(os.environ["USERS"])


if os.environ["ATTACHED"] == "yes":
    harness.attach("bench-throughput")
