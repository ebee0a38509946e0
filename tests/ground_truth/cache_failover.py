"""Ground truth of a cache failover: the run's figures beside those of a client of the test's own, and of the cache.

Killed and frozen, and everything passes. Replaced as planned (``SENTINEL FAILOVER``), and two criteria fail because it
is so: the old primary is told to follow the new one no sooner than ten seconds later, and takes writes until then from
whoever is connected to it, which are lost.

A client of the test's own asks the Sentinels and writes to the primary that they name, every few milliseconds: what it
sees between its last good answer and its first one has to lie within 0.3 s of the run's time to a new primary, and
where it is replaced as planned, which takes 0.2 s, within two of the client's tries. Lost are the keys that the primary
of the end does not have, by a look of the test's own at all of its keys.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from harness.criteria.replication._ledger import ledger_of
from tests.ground_truth._own_client import EVERY_S, asking, outage_as_seen
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, Case, Compared, Outcome, Run, flags

ANSWER_S = 0.6
OWN = "truth:"
OPTIONS = (
    *flags(baseline_s=8, hold_s=25, recovery_s=8, base=40, peak=40),
    *flags(generator_health_loop_lag_limit_s=2, generator_health_cpu_limit_ratio=2),
)


def _sentinel(target: Mapping[str, Any]) -> tuple[redis.sentinel.Sentinel, str]:
    of = target["ha"]["valkey"]
    addresses = [(host, int(port)) for host, _, port in (one.partition(":") for one in of["sentinels"])]
    password = unquote(urlsplit(of["nodes"][0]["url"]).password or "")
    once: dict[str, Any] = {"socket_timeout": ANSWER_S, "retry": Retry(NoBackoff(), 0)}
    asked = redis.sentinel.Sentinel(addresses, sentinel_kwargs=once, password=password, **once)
    return asked, of["service_name"]


def watch(target: Mapping[str, Any], over: threading.Event) -> list[float]:
    """When this client's writes had good answers, by the monotonic clock, while the run is there."""

    def write(number: int) -> bool:
        asked, service = _sentinel(target)
        try:
            host, port = asked.discover_master(service)
            of_connection = {**asked.connection_kwargs, "host": host, "port": port}
            with redis.Redis(**of_connection) as primary:
                primary.set(f"{OWN}{number}", 1)
        except redis.RedisError:
            return False
        finally:
            for each in asked.sentinels:
                each.close()
        return True

    return asking(write, over)


def keys(target: Mapping[str, Any]) -> set[str]:
    """All that the primary of now has."""
    asked, service = _sentinel(target)
    found: Iterable[bytes] = asked.master_for(service).scan_iter("springback:*", count=1000)
    return {key.decode() for key in found}


def _as_seen(found: Run) -> Compared:
    near = {"near_s": 2 * EVERY_S} if found.case.name == "failover" else {}
    outage = outage_as_seen(found, "time_to_new_primary", **near)
    wrong = list(outage.differences)
    rows = ledger_of(found.recording, "valkey", "valkey audit").acknowledged
    lost = sum(row.key not in found.answer for row in rows)
    if found.finding("lost_keys").figure != lost:
        wrong.append(f"{found.finding('lost_keys').figure} lost keys found, {lost} of {len(rows)} are not there")
    return dataclasses.replace(outage, differences=wrong)


def _case(failure: str, expected: Mapping[str, Outcome] | None = None) -> Case:
    return Case(
        *(failure, "cache_failover"),
        expected=expected or {},
        check=_as_seen,
        meanwhile=watch,
        ask=keys,
        options=(*OPTIONS, "--failure", failure),
    )


CASES = (
    _case("kill"),
    _case("freeze"),
    # The service asks Sentinel, and so never goes without its cache.
    _case("failover", {"lost_keys": FAIL, "single_primary": FAIL, "fail_open": INCONCLUSIVE}),
)
SHORT = ()
