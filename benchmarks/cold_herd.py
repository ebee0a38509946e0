"""How tightly a herd arrives whose every user first opens a connection, and what connecting costs by itself."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from functools import partial

from benchmarks._contest import Table, bare_target, certificate, in_turn, spread
from benchmarks._herd import USERS, Skew, bare_loop_ms, peer, peers, springback

ROUNDS = 3
BARE = "bare loop, connects only"


def run(rounds: int) -> list[Table]:
    seen: defaultdict[str, list[Skew]] = defaultdict(list)

    def noted(name: str, herd: Callable[[], Skew]) -> Callable[[], float]:
        def once() -> float:
            seen[name].append(herd())
            return seen[name][-1].requests_ms

        return once

    with certificate() as file, bare_target() as plain, bare_target(file) as encrypted:
        targets = {"TCP": plain, "TLS": encrypted}
        contestants: dict[str, Callable[[], float]] = {}
        for layer, url in targets.items():
            herds: dict[str, Callable[[], Skew]] = {
                "Springback, cold": partial(springback, url, cold=True),
                **{name: partial(peer, url, name) for name in peers()},
            }
            for name, herd in herds.items():
                contestants[f"{layer}, {name}"] = noted(f"{layer}, {name}", herd)
            contestants[f"{layer}, {BARE}"] = partial(bare_loop_ms, url, USERS)
        results = in_turn(rounds, contestants)
    return [_table(layer, results, seen, rounds) for layer in targets]


def _table(layer: str, results: dict[str, list[float]], seen: dict[str, list[Skew]], rounds: int) -> Table:
    cost = results[f"{layer}, {BARE}"]
    rows = []
    for name, of_name in seen.items():
        if name.startswith(layer):
            parts = [[getattr(one, part) for one in of_name] for part in ("requests_ms", "connections_ms", "whole_ms")]
            share = f"{statistics.median(parts[0]) / statistics.median(cost):.2f}"
            rows.append((name.partition(", ")[2], *(spread(part, "ms") for part in parts), share))
    rows.append((BARE, "", "", spread(cost, "ms"), ""))
    handshake = " and shakes hands on" if layer == "TLS" else ""
    unverified = " Nobody verifies the certificate." if layer == "TLS" else ""
    note = (
        f"{USERS} users, each of whom opens a connection at the instant and then sends one request, against a bare "
        f"server, one process in Python; median (range) of {rounds} rounds taken in turn.{unverified} p5–p95 is of the "
        "instants at which the server reads the requests and accepts the connections; the whole is from its first "
        "connection to its last request. The cost of connecting, apart: a loop on bare sockets, without Locust, "
        f"gevent or users, that opens{handshake} as many connections at once, from its first connect() until the last "
        "can take a request. The requests can be closer together than that when all are sent once all are connected."
    )
    heads = ("generator", "requests, p5–p95", "connections, p5–p95", "whole", "requests ÷ cost of connecting")
    return Table(f"Cold herd over {layer}", heads, tuple(rows), note)
