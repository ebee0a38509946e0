"""WebSocket avalanche: everybody connects at the same instant, talks, is dropped, and comes back.

Point it at your own service (what is said, and what answers it: harness/load/websocket/feed.py):
    springback run locustfiles/websocket_avalanche.py --host http://127.0.0.1:8000 \\
        --feed-path '/ws?user={number}&room={channel}' --cut client --without connections_agree
"""

from locust import task

import harness
from harness.faults import PlannedFault, load
from harness.load.websocket import FeedOptions, FeedUser, feed
from harness.plugins import parameter
from harness.probes import planned
from harness.recording import CriterionSpec
from shapes import avalanche

GAUGE = "target_feed_connections"
MESSAGES = {"requests": "message *", "limit_s": 1.0, "remedy": "adapt what users say, and take for an answer"}


class Visitor(FeedUser):
    @task
    def visit(self):
        """The herd stays until the end; the others look in, say one thing, and leave."""
        if not self.in_herd:
            return self.look_in(connection_name="canary")
        if not switches(self.options):
            self.abort_in("drop")
        return self.stay_and_talk(quiet_before="drop")


class WebSocketAvalanche(avalanche.Avalanche):
    baseline_s, spike_s, steady_s, drop_s, recovery_s = 10, 7, 8, 10, 25
    herd_users, canary_per_s, canary_users = 200, 15, 30  # 305 handshakes: a bound of a p99 takes 299


class Options(FeedOptions):
    cut: str = parameter("", "who drops everybody; empty: the server if it can", choices=("", "client", "server"))
    api_urls: tuple[str, ...] = parameter((), "addresses of the service's processes, whose /metrics have the gauge")
    fault_path: str = parameter("", "path at each of them to which a PUT of the fault drop_all ends all connections")
    fault_token: str = parameter("", "bearer token of that path", secret=True)


def switches(options):
    return [url + options.fault_path for url in options.api_urls if options.fault_path and options.cut != "client"]


def drops(options):
    drop = {"body": '{"fault": "drop_all", "parameters": {}}', "token": options.fault_token, "label": "drop_all"}
    for url in switches(options):
        yield PlannedFault(load("http_toggle", url=url, **drop), at="drop+0.01", for_s=1)


def gauges(options):
    if options.api_urls:
        yield planned("prometheus", urls=[f"{url}/metrics" for url in options.api_urls], metrics=[GAUGE])


def checks(options):
    yield from feed.problems(options, connections=options.herd_users + options.canary_users)
    if options.cut == "server" and not switches(options):
        yield "--cut server: name the target's fault switch with --api-urls and --fault-path, or let the client cut"


harness.attach(
    "websocket-avalanche",
    criteria=[
        CriterionSpec("error_ratio", {"requests": "WS *"}),
        CriterionSpec("latency_quantile", {"requests": "WS * connect", "quantile": 0.99, "name": "handshake_p99"}),
        CriterionSpec("reconnect_time", {"connections": "/feed"}),
        "message_delivery",
        CriterionSpec("latency_quantile", {**MESSAGES, "phase": "steady", "name": "message_p95"}),
        CriterionSpec("latency_quantile", {**MESSAGES, "phase": "recovery", "name": "message_p95_after"}),
        CriterionSpec("connections_kept", {"connections": "/feed"}),
        CriterionSpec("connections_agree", {"metric": GAUGE, "remedy": "name all its processes with --api-urls"}),
        "memory_growth",
    ],
    probes=gauges,
    faults=drops,
    checks=checks,
    options=Options,
)
