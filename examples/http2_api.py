"""Callers of an HTTP/2 service, whose requests share connections as streams. It needs httpx: pip install 'httpx[http2]'

    springback run examples/http2_api.py --host https://127.0.0.1:8443 --ca-file ca.pem

Without TLS (http://…) it speaks HTTP/2 from the first byte, as a service behind a proxy does.
"""

import gevent
import httpx
from locust import task

import harness
from harness.clients import tls
from harness.load.users.measured import Measured, WrongAnswerError
from harness.load.users.paced import Paced
from harness.plugins import parameter
from shapes import step

clients = {}
"""Host and number → a client with one connection, which users of this load process share."""


class Caller(Paced, Measured):
    def on_start(self):
        self.options = self.environment.parsed_options
        place = self.host, self.number if self.options.own_connections else 0
        if place not in clients:
            clients[place] = httpx.Client(
                base_url=self.host,
                http1=False,
                http2=True,
                verify=tls.context(afresh=True),  # as --ca-file, --client-cert and --insecure say
                limits=httpx.Limits(max_connections=1, keepalive_expiry=None),  # parked users keep it open
                timeout=httpx.Timeout(None, connect=10),  # one that runs out would end the other streams as well
                trust_env=False,
            )
        self.client = clients[place]
        # Connected, and told how many streams there may be, before the load begins. Any answer will do.
        with gevent.Timeout(self.options.timeout_s, False), self.measure("HTTP/2", "connect"):
            self.client.get(self.options.path)

    @task
    def ask(self):
        with gevent.Timeout(self.options.timeout_s, False), self.measure("GET", self.options.path) as measured:
            answer = measured.response = self.client.get(self.options.path)
            measured.length_bytes = len(answer.content)
            if answer.http_version != "HTTP/2":
                raise WrongAnswerError(f"spoke {answer.http_version}")
            if not answer.is_success:
                raise WrongAnswerError(f"http {answer.status_code}")


class Rush(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 30, 20, 60, 20, 100, 100


class Options:
    path: str = parameter("/", "path that is asked for", web=True)
    timeout_s: float = parameter(10.0, "longest time for an answer", lowest=0.01)
    own_connections: bool = parameter(False, "each user has a connection of its own, in place of one for all")


harness.attach("http2-api", options=Options)
