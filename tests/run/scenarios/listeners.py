"""A herd whose locustfile has listeners of its own, which do to the exit code what they like."""

import os
import sys

from locust import events

import harness
from harness.load.http import HerdHttpUser
from harness.recording import CriterionSpec
from shapes import herd

DOES = os.environ.get("LISTENER", "")
log = open(os.environ["LISTENER_LOG"], "w", buffering=1)  # noqa: SIM115, PTH123


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("POST", "/visit", json={"number": self.number})


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users = 1, 20, 1, 2, 5


@events.quitting.add_listener
def quitting(environment, **_):
    log.write("quitting\n")
    if DOES == "sets 0":  # as Locust's manual has it
        if environment.stats.total.fail_ratio > 2:
            environment.process_exit_code = 1
        else:
            environment.process_exit_code = 0
    if DOES == "raises":
        raise RuntimeError("a listener that crashes")
    if DOES == "exits in quitting":
        sys.exit(0)


@events.quit.add_listener
def quit_(exit_code, **_):
    log.write(f"quit {exit_code}\n")
    if DOES == "exits in quit":
        sys.exit(0)
    if DOES == "os._exit":
        os._exit(0)


@events.test_stop.add_listener
def test_stop(environment, **_):
    environment.process_exit_code = 0
    if DOES == "exits in test_stop":
        sys.exit(0)


harness.attach("listeners", criteria=[CriterionSpec("error_ratio", {"limit": 0.3})])


@events.quitting.add_listener
def quitting_too(environment, **_):
    if DOES == "sets 0":
        environment.process_exit_code = 0
    if DOES == "exits below attach":
        sys.exit(0)


@events.init.add_listener
def init(environment, **_):
    @environment.events.quit.add_listener
    def late(**_):
        if DOES == "sets later":
            environment.process_exit_code = 0
            sys.exit(0)
