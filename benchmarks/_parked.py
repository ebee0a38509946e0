"""A process with parked users, each of which holds an open connection; prints what a user costs in memory.

Run as ``python -m benchmarks._parked URL CLASS USERS``.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from typing import Any

import gevent
import psutil
from locust import FastHttpUser, HttpUser, constant, task
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.http import HerdHttpUser, LeanHttpUser
from harness.load.node import Node
from harness.load.present_node import set_node
from harness.load.websocket import Deliveries, WebSocketUser, channel_of

BASES = {"LeanHttpUser": LeanHttpUser, "FastHttpUser": FastHttpUser, "HttpUser": HttpUser}
READY_S = 60.0


def parked_class(name: str) -> type[Any]:
    if name == "WebSocketUser":

        class Held(WebSocketUser):
            """Open, with an account of its messages, from the moment on at which it would park."""

            def wait_time(self) -> float:
                if self.open():
                    self.stay_connected(time.monotonic() + 3600)
                raise RuntimeError("no connection")

            def on_open(self) -> None:
                self.deliveries = Deliveries(self, channel_of(self, f"channel-{self.number // 50}"))

            def on_message(self, message: Any) -> None:
                self.deliveries.start_after(json.loads(message)["seq"])

        return Held
    if name == "HerdHttpUser":

        class Herd(HerdHttpUser):
            def prepare(self) -> Any:
                return self.client.prepare("GET", "/small")

        return Herd

    class Reader(BASES[name]):  # type: ignore[misc, valid-type]
        wait_time = constant(3600)

        @task
        def read(self) -> None:
            self.client.get("/small")

    return Reader


def measure(url: str, name: str, users: int) -> float:
    """Bytes of resident memory per user, once all are parked with a connection that has been used or is ready."""
    kind = parked_class(name)
    environment = Environment(user_classes=[kind], host=url)
    runner = environment.create_local_runner()
    set_node(environment, Node("parked", Clock(exact=True)))
    process = psutil.Process()
    _park(environment, 50)  # what the first users load (parser, caches, resolver) is not theirs
    gc.collect()
    before = process.memory_info().rss
    _park(environment, 50 + users)
    gc.collect()
    after, open_now = process.memory_info().rss, len(process.net_connections("tcp"))
    assert open_now >= users, f"{open_now} connections for {users} users"
    runner.quit()
    return (after - before) / users


def _park(environment: Environment, users: int) -> None:
    runner: Any = environment.runner
    runner.start(users, spawn_rate=1000)
    end_s = time.monotonic() + READY_S
    while sum(user.args[0]._state == "waiting" for user in runner.user_greenlets) < users:
        assert time.monotonic() < end_s, "not all users are parked in time"
        gevent.sleep(0.2)
    gevent.sleep(0.5)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(measure(sys.argv[1], sys.argv[2], int(sys.argv[3])), flush=True)
