"""A scenario with the standard criteria, of which each process writes down at its end what it has loaded."""

import json
import os
import sys
from pathlib import Path

from locust import events

import harness
from harness.load.http import HerdHttpUser
from shapes import herd

JUDGING = {"numpy", "scipy"}
OF_THE_MASTER = {"harness.run.master", "harness.live.state", "harness.verdict", "harness.sidecar.parent", "rich"}
OF_PAGES = {"harness.web", "harness.history", "harness.runs", "reports.suite_page", "junitparser"}
HEAVY = JUDGING | OF_THE_MASTER | OF_PAGES | {"asyncio", "harness.load.websocket"}


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("POST", "/visit", json={"number": self.number})


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users = 1, 20, 1, 2, 5


harness.attach("what-is-loaded")


@events.quitting.add_listener
def write_down(environment, **_):
    role = type(environment.runner).__name__
    loaded = sorted(HEAVY & set(sys.modules))
    Path(os.environ["LOADED_DIRECTORY"], f"{role}-{os.getpid()}.json").write_text(json.dumps(loaded))
