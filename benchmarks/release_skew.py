"""How tightly a herd leaves: Springback's gate with open connections, beside stock users at spawn rate 500."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from benchmarks._contest import Table, bare_target, in_turn, locust, spread
from benchmarks._herd import USERS, bare_loop_ms, peer, peers, skew, springback

ROUNDS = 3
MANY = 5_000
LOOP = "bare loop, sends only"


def run(rounds: int) -> list[Table]:
    with bare_target() as url:

        def stock(kind: str) -> Callable[[], float]:
            options = ("-u", str(USERS), "-r", str(USERS), "-t", "2")
            return lambda: (
                skew(url, USERS, lambda: locust("herd_stock.py", url, *options, variables={"STOCK": kind})).requests_ms
            )

        def cold(name: str) -> Callable[[], float]:
            return lambda: peer(url, name).requests_ms

        def loop(users: int) -> Callable[[], float]:
            return lambda: skew(url, users, lambda: bare_loop_ms(url, users, "send")).requests_ms

        contestants = {
            "Springback, one process": lambda: springback(url).requests_ms,
            "Springback, two load processes": lambda: springback(url, "--processes", "2").requests_ms,
            "stock FastHttpUser, cold": stock("fast"),
            "stock HttpUser, cold": stock("http"),
            **{f"{name}, cold": cold(name) for name in peers()},
            LOOP: loop(USERS),
        }
        results = in_turn(rounds, contestants)
        of_many: dict[str, Callable[[], float]] = {
            f"Springback, one process, {MANY:,} users": lambda: springback(url, users=MANY).requests_ms,
            f"{LOOP}, {MANY:,} connections": loop(MANY),
        }
        results |= in_turn(rounds, of_many)
    own = statistics.median(results["Springback, one process"])
    rows = tuple(
        (name, spread(values, "ms"), f"{statistics.median(values) / own:.1f}") for name, values in results.items()
    )
    note = (
        f"{USERS} logins (the peers: GET), p95 − p5 of the instants at which they arrive at a bare server; median "
        f"(range) of {rounds} rounds taken in turn. Springback's connections are open before; cold: each user connects "
        "first, as those of a cold herd (below) do. The instants are those at which the kernel takes the packets. The "
        "bare loop, without Locust, gevent or users, is what sending takes by itself: over the loopback the sender "
        "does the receiver's part, too."
    )
    return [Table("Release skew of a herd", ("generator", "p5–p95 at the server", "× Springback"), rows, note)]
