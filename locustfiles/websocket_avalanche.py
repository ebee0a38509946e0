"""WebSocket avalanche: everybody connects at the same instant, talks, is dropped, and comes back.

Point it at your own service (what is said, and what answers it: harness/load/websocket/feed.py):
    springback run locustfiles/websocket_avalanche.py --host http://127.0.0.1:8000 \\
        --feed-path '/ws?user={number}&room={channel}' --cut client --without connections_agree
"""

from locust import task

import harness
from harness.load.websocket import FeedUser, feed, server_drop
from harness.recording import CriterionSpec
from shapes import avalanche

AGREE = {"metric": server_drop.GAUGE, "remedy": "name all its processes with --api-urls"}
MESSAGES = {"requests": "message *", "limit_s": 1.0, "remedy": "adapt what users say, and take for an answer"}


class Visitor(FeedUser):
    @task
    def visit(self):
        """The herd stays until the end; the others look in, say one thing, and leave."""
        if not self.in_herd:
            return self.look_in(connection_name="canary")
        if not server_drop.is_possible(self.options):
            self.abort_in("drop")
        return self.stay_and_talk(quiet_before="drop")


class WebSocketAvalanche(avalanche.Avalanche):
    baseline_s, spike_s, steady_s, drop_s, recovery_s = 10, 7, 8, 10, 25
    herd_users, canary_per_s, canary_users = 200, 15, 30  # 305 handshakes: a bound of a p99 takes 299


def checks(options):
    yield from feed.problems(options, connections=options.herd_users + options.canary_users)
    yield from server_drop.problems(options)


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
        CriterionSpec("connections_agree", AGREE),
        "memory_growth",
    ],
    probes=server_drop.gauges,
    faults=lambda options: server_drop.drop_all(options, at="drop+0.01"),
    checks=checks,
    options=server_drop.DropOptions,
)
