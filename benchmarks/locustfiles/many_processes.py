"""A small herd in many load processes. Each writes to FIGURES how long its event loop was held up at worst until the
herd was released, and when that was due.
"""

import json
import os
import time
from pathlib import Path

import gevent
from locust import events

import harness
from harness.load.http import HerdHttpUser
from shapes import herd

INTERVAL_S = 0.01
held_up_s, released_s = 0.0, None


class Reader(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/")

    def context(self):
        return {"intended_s": self.current_start.intended_s}


class ManyProcesses(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s = 1, 480, 1, 1
    canary_per_s, canary_users = 0.0, 0


def watch():
    global held_up_s
    while released_s is None:
        due_s = time.monotonic() + INTERVAL_S
        gevent.sleep(INTERVAL_S)
        held_up_s = max(held_up_s, time.monotonic() - due_s)


@events.init.add_listener
def begin(**_):  # after the fork: whatever is spawned before it is not in the load processes
    gevent.spawn(watch)


@events.request.add_listener
def note(context, **_):
    global released_s
    if released_s is None:
        released_s = context["intended_s"]
        text = json.dumps({"held_up_s": held_up_s, "released_s": released_s})
        Path(os.environ["FIGURES"], f"{os.getpid()}.json").write_text(text)


harness.attach("bench-many-processes")
