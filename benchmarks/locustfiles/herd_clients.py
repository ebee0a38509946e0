"""A herd of users who send for themselves, with the client that CLIENT names; connected before."""

import os

import grpc
import httpx
from grpc.experimental import gevent as grpc_gevent
from locust import task

import harness
from harness.load.http import PacedHttpUser
from harness.load.users.measured import Measured
from harness.load.users.paced import Paced
from shapes import herd

METHOD = "/bench.Bench/Ask"
clients = {}

if os.environ["CLIENT"] == "lean":

    class Caller(PacedHttpUser):
        @task
        def ask(self):
            self.client.get("/")

elif os.environ["CLIENT"].startswith("http2"):

    class Caller(Paced, Measured):
        def on_start(self):
            place = self.number if os.environ["CLIENT"] == "http2 own" else 0
            if place not in clients:
                limits, timeout = httpx.Limits(max_connections=1, keepalive_expiry=None), httpx.Timeout(None)
                clients[place] = httpx.Client(
                    base_url=self.host, http1=False, http2=True, limits=limits, timeout=timeout, trust_env=False
                )
            self.client = clients[place]
            self.ask()

        @task
        def ask(self):
            with self.measure("GET", "/"):
                self.client.get("/")

else:
    grpc_gevent.init_gevent()

    class Caller(Paced, Measured):
        def on_start(self):
            own = int(os.environ["CLIENT"] == "grpc own")
            self.channel = grpc.insecure_channel(os.environ["GRPC"], [("grpc.use_local_subchannel_pool", own)])
            grpc.channel_ready_future(self.channel).result(timeout=10)
            self.call = self.channel.unary_unary(METHOD)
            self.ask()

        @task
        def ask(self):
            with self.measure("gRPC", METHOD):
                self.call(b"", timeout=10)


class CallerHerd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s = 1, 100, 1, 1
    canary_per_s, canary_users = 0.0, 0


harness.attach("bench-clients")
