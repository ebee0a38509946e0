"""Callers of a gRPC service, whose calls share connections as streams. It needs grpcio: pip install grpcio

    springback run examples/grpc_api.py --host http://127.0.0.1:8000 --grpc-method /shop.Orders/Create

Generated stubs work as well: make one of the channel in on_start, and call it in the task. With https:// it is TLS.
"""

from pathlib import Path
from urllib.parse import urlsplit

import grpc
from grpc.experimental import gevent as grpc_gevent
from locust import task

import harness
from harness.load.users.measured import Measured, WrongAnswerError
from harness.load.users.paced import Paced
from harness.plugins import parameter
from shapes import step

grpc_gevent.init_gevent()  # or every call would block all other users

HEALTH, SERVING = "/grpc.health.v1.Health/Check", b"\x08\x01"  # what it answers, by its health.proto, where all is well


class Caller(Paced, Measured):
    def on_start(self):
        self.options = self.environment.parsed_options
        # Channels to one address share a connection unless each has a pool of its own.
        settings = [("grpc.use_local_subchannel_pool", int(self.options.own_connections))]
        url = urlsplit(self.host)
        if url.scheme == "https":
            authorities = Path(self.options.ca_file).read_bytes() if self.options.ca_file else None
            self.channel = grpc.secure_channel(url.netloc, grpc.ssl_channel_credentials(authorities), settings)
        else:
            self.channel = grpc.insecure_channel(url.netloc, settings)
        grpc.channel_ready_future(self.channel).result(timeout=10)  # connected before the load begins
        self.call = self.channel.unary_unary(self.options.grpc_method)

    @task
    def ask(self):
        with self.measure("gRPC", self.options.grpc_method) as measured:
            answer = self.call(b"", timeout=self.options.timeout_s)  # the bytes of an empty message
            measured.length_bytes = len(answer)
            if not answer:
                raise WrongAnswerError("empty answer")
            if self.options.grpc_method == HEALTH and answer != SERVING:
                raise WrongAnswerError("not serving")

    def on_stop(self):
        self.channel.close()


class Rush(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 30, 20, 60, 20, 100, 100


class Options:
    grpc_method: str = parameter(HEALTH, "method that is called, /package.Service/Method", web=True)
    timeout_s: float = parameter(10.0, "deadline of a call", lowest=0.01)
    own_connections: bool = parameter(False, "each user has a connection of its own, in place of one for all")


harness.attach("grpc-api", options=Options)
