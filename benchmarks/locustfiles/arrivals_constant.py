"""Starts at a constant rate, served by the lean client: base and peak are the same level.

Writes to FIGURES how late each request was sent, and what CPU time the pacer took for its own work, apart from that of
the event loop, the users and the client. Reading the CPU clock twice for each time that it wakes is in the figure.
"""

import json
import os
import time
from pathlib import Path

import gevent
from locust import events

import harness
from harness.load import arrivals
from harness.load.http import HerdHttpUser
from shapes import flash_crowd

lags_s = []


class TimedSleep:
    """Stands in for gevent in the pacer's module: adds up the CPU time between one sleep and the next."""

    cpu_s = 0.0
    _woken_s = None

    def sleep(self, seconds):
        if self._woken_s is not None:
            self.cpu_s += time.thread_time() - self._woken_s
        gevent.sleep(seconds)
        self._woken_s = time.thread_time()


pacer = arrivals.gevent = TimedSleep()


class Reader(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/")

    def context(self):
        return {"intended_s": self.current_start.intended_s}


class Constant(flash_crowd.FlashCrowd):
    baseline_s, ramp_up_s, plateau_s, ramp_down_s, recovery_s = 0, 0, 5, 0, 0
    base, peak, pool_users = 2000.0, 2000.0, 200


@events.request.add_listener
def note_lag(sent_s, context, **_):
    lags_s.append(sent_s - context["intended_s"])


@events.quitting.add_listener
def write_figures(**_):
    Path(os.environ["FIGURES"]).write_text(json.dumps({"lags_s": lags_s, "pacer_cpu_s": pacer.cpu_s}))


harness.attach("bench-arrivals")
