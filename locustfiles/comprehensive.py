"""Comprehensive: a ramp, a login herd, WebSockets, cache traffic and a failing upstream in turn, each judged by itself.

Point it at your own service (docs/user-classes.md), without the parts that it does not have:
    springback run locustfiles/comprehensive.py --host http://127.0.0.1:8000 --parts "login cache" \\
        --login-path /login --username me --password secret --items-path /articles
"""

import harness
from harness.config.parts import Parts
from harness.load.users import guarded, items, login
from harness.load.users.upstream import WITNESSES, UpstreamOptions, breaker_counters, upstream_failure
from harness.load.websocket import feed, visitor
from harness.plugins import parameter
from shapes import timeline


class Login(login.LoginUser):
    """As in the login herd."""


class Visitor(visitor.FeedVisitor):
    """In the herd it connects, stays and talks; the others look in, say one thing, and leave."""


class Shopper(items.ShoppingUser):
    """The first of them own an item each, and write it; four reads of five are of one hot item."""


class Customer(guarded.QuotingUser):
    """As in the circuit breaker."""


class OneTimeline(timeline.Turns, timeline.Timeline):
    phases = "baseline 30, ramp 8, login 8, sockets 10, cache 12, breaker 12, recovery 20"
    parts = parameter("login sockets cache breaker", "parts that the service has; the others are left out", web=True)
    login_users: int = parameter(150, "users who log in together", lowest=1)
    socket_users: int = parameter(150, "users who connect together, and stay", lowest=1)
    cache_peak: float = parameter(60.0, "starts per second of shoppers in the phase cache", lowest=1)
    customers: float = parameter(25.0, "starts per second of customers", lowest=1)
    ramp_factor: float = parameter(2.0, "so many times as many of all, at the end of the ramp", lowest=1)

    def part_levels(self):
        yield "login", "Login", timeline.Level(4, herds={"login": self.login_users})
        yield "sockets", "Visitor", timeline.Level(4, herds={"sockets": self.socket_users})
        yield "cache", "Shopper", timeline.Level(15, {"cache": self.cache_peak})
        yield "breaker", "Customer", timeline.Level(self.customers)


class Options(login.LoginOptions, feed.FeedOptions, items.ItemOptions, UpstreamOptions):
    failure_s: float = parameter(8.0, "how long the upstream fails, from the beginning of the phase breaker", lowest=1)


def criteria(options):
    judged = Parts("baseline", "ramp", *options.parts.split(), "recovery").judged
    customers = {"requests": "@Customer"} if "breaker" in options.parts else {}
    yield from judged("baseline", "error_ratio")
    yield from judged("ramp", "error_ratio")
    yield from judged("ramp", "latency_quantile", limit_s=1.0)
    yield from judged("login", "error_ratio", "latency_quantile", requests="@Login")
    yield from judged("sockets", "error_ratio", "latency_quantile", requests="@Visitor WS * connect")
    yield from judged("sockets", "message_delivery")
    yield from judged("sockets", "connections_kept", connections="/feed")
    yield from judged("sockets", "latency_quantile", requests="message *", limit_s=1.0, name="sockets_message_p95")
    yield from judged("cache", "error_ratio", "latency_quantile", requests="@Shopper")
    yield from judged("cache", "hit_ratio", "stampede", "stale_reads", "lost_invalidations", via="service*")
    yield from judged("breaker", "breaker_opens", "breaker_leak_through", "breaker_closes", **customers, **WITNESSES)
    yield from judged("recovery", "error_ratio")
    yield from judged("recovery", "recovery_time", **customers, spike="breaker", limit_s=15)
    yield from judged("recovery", "memory_growth")


harness.attach(
    "comprehensive",
    criteria=criteria,
    probes=breaker_counters,
    faults=lambda options: upstream_failure(options, at="breaker", for_s=options.failure_s),
    checks=lambda options: feed.problems(options, options.socket_users) if "sockets" in options.parts else (),
    options=Options,
    reference={"TARGET_ITEMS_TTL_S": "3", "TARGET_ITEMS_LOAD_MS": "100"},
)
