"""Comprehensive: ramp, login herd, WebSocket avalanche, cache traffic and a failing upstream, one after the other on
one timeline. Each part is judged by itself, and the whole by the worst of them.

Point it at your own service (docs/user-classes.md), without the parts that it does not have:
    springback run locustfiles/comprehensive.py --host http://127.0.0.1:8000 --parts "login cache" \\
        --login-path /login --username me --password secret --items-path /articles
"""

import random

from locust import task

import harness
from harness.load.users import items
from harness.load.users.guarded import GuardedHttpUser
from harness.load.users.login import LoginOptions, LoginUser
from harness.load.users.upstream import WITNESSES, UpstreamOptions, breaker_counters, upstream_failure
from harness.load.websocket import FeedOptions, FeedUser, feed
from harness.plugins import parameter
from harness.recording import CriterionSpec
from shapes import timeline
from shapes.timeline import Level

PARTS = ("login", "sockets", "cache", "breaker")


class Login(LoginUser):
    """As in the login herd."""


class Visitor(FeedUser):
    @task
    def visit(self):
        self.stay_and_talk(quiet_before="recovery") if self.in_herd else self.look_in(connection_name="canary")


class Shopper(items.ItemUser):
    """The first of them own an item each, and write it; four reads of five are of one hot item."""

    version = 0

    @task
    def shop(self):
        if self.number_in_class < self.options.keys and not (self.number_in_class == 0 and self.version):
            self.version += self.renew_item(self.key(self.number_in_class), self.version + 1)
        else:
            self.read_item(self.key(0) if random.random() < 0.8 else self.any_key())


class Customer(GuardedHttpUser):
    @task
    def quote(self):
        self.ask_for_quote()


class OneTimeline(timeline.Timeline):
    phases = "baseline 30, ramp 8, login 8, sockets 10, cache 12, breaker 12, recovery 20"
    parts: str = parameter(" ".join(PARTS), "parts that the service has; the others are left out", web=True)
    login_users: int = parameter(150, "users who log in together", lowest=1)
    socket_users: int = parameter(150, "users who connect together, and stay", lowest=1)
    cache_peak: float = parameter(60.0, "starts per second of shoppers in the phase cache", lowest=1)
    customers: float = parameter(25.0, "starts per second of customers", lowest=1)
    ramp_factor: float = parameter(2.0, "so many times as many of all, at the end of the ramp", lowest=1)

    def class_levels(self):
        levels = {
            "Login": ("login", 4, {}, {"login": self.login_users}),
            "Visitor": ("sockets", 4, {}, {"sockets": self.socket_users}),
            "Shopper": ("cache", 15, {"cache": self.cache_peak}, {}),
            "Customer": ("breaker", self.customers, {}, {}),
        }
        return {
            name: Level(base, {"ramp": (base, base * self.ramp_factor)} | phases, herds)
            if part in self.parts
            else Level()
            for name, (part, base, phases, herds) in levels.items()
        }


class Options(LoginOptions, FeedOptions, items.ItemOptions, UpstreamOptions):
    failure_s: float = parameter(8.0, "how long the upstream fails, from the beginning of the phase breaker", lowest=1)


HANDSHAKES, QUOTES = "@Visitor WS * connect", {"requests": "@Customer"}
JUDGED = {
    "baseline": [("error_ratio", {})],
    "ramp": [("error_ratio", {}), ("latency_quantile", {"limit_s": 1.0})],
    "login": [(name, {"requests": "@Login"}) for name in ("error_ratio", "latency_quantile")],
    "sockets": [
        *((name, {"requests": HANDSHAKES}) for name in ("error_ratio", "latency_quantile")),
        *(("message_delivery", {}), ("connections_kept", {"connections": "/feed"})),
        ("latency_quantile", {"requests": "message *", "limit_s": 1.0, "name": "sockets_message_p95"}),
    ],
    "cache": [
        *((name, {"requests": "@Shopper"}) for name in ("error_ratio", "latency_quantile")),
        *((name, {"via": "service*"}) for name in ("hit_ratio", "stampede", "stale_reads", "lost_invalidations")),
    ],
    "breaker": [(f"breaker_{name}", QUOTES | WITNESSES) for name in ("opens", "leak_through", "closes")],
    "recovery": [("error_ratio", {}), ("recovery_time", {"spike": "breaker", "limit_s": 15}), ("memory_growth", {})],
}


def criteria(options):
    for part in (part for part in JUDGED if part not in PARTS or part in options.parts):
        for name, parameters in JUDGED[part]:
            of_phase = {"phase": part} if name in ("error_ratio", "latency_quantile") else {}
            quotes = QUOTES if name == "recovery_time" and "breaker" in options.parts else {}
            named = {"part": part, "name": name if name.startswith(part) else f"{part}_{name}"}
            yield CriterionSpec(name, of_phase | quotes | named | parameters)


def checks(options):
    unknown = [part for part in options.parts.split() if part not in PARTS]
    yield from (f"--parts {part}: there is no such part; there are {', '.join(PARTS)}" for part in unknown)
    if "sockets" in options.parts:
        yield from feed.problems(options, connections=options.socket_users)


harness.attach(
    "comprehensive",
    criteria=criteria,
    probes=breaker_counters,
    faults=lambda options: upstream_failure(options, at="breaker", for_s=options.failure_s),
    checks=checks,
    options=Options,
    reference={"TARGET_ITEMS_TTL_S": "3", "TARGET_ITEMS_LOAD_MS": "100"},
)
