"""Users whose own code raises, in the places that RAISES_IN names; parked, or with WAY=stock Locust's own."""

import os

import gevent
from locust import HttpUser, TaskSet, constant, task
from locust.exception import RescheduleTask

import harness
from harness.load.http import HerdHttpUser
from harness.load.users.paced import Paced
from shapes import herd

PLACES = set(os.environ["RAISES_IN"].split(","))


class MistakeError(Exception):
    pass


def perhaps(place):
    if place in PLACES:
        raise MistakeError(f"in {place} of http://someone:password@127.0.0.1/path?token=secret")


class Tasks(TaskSet):
    @task
    def visit(self):
        perhaps("task before a request")
        self.client.get("/visit")
        self.user.group_of_greenlets = gevent.spawn(perhaps, "greenlet")
        perhaps("task")
        if "control" in PLACES:
            raise RescheduleTask

    def on_stop(self):
        perhaps("on_stop of a task set")


class Common:
    def on_start(self):
        perhaps("on_start")

    def on_stop(self):
        perhaps("on_stop")


match os.environ.get("WAY"):
    case "stock":

        class Visitor(Common, HttpUser):
            wait_time = constant(0.3)
            tasks = (Tasks,)

    case "herd":

        class Visitor(Common, HerdHttpUser):
            def prepare(self):
                perhaps("prepare")
                return self.client.prepare("GET", "/visit")

            def check(self, _):
                perhaps("check")

    case _:

        class Visitor(Common, Paced, HttpUser):
            tasks = (Tasks,)


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users, canary_per_s = 1, 5, 1, 1, 5, 5


harness.attach("raising", criteria=["error_ratio"])
