"""Items: the cache is never behind the database, one miss loads for all, and each fault does what it counts."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis as valkey

from target.loopback_http import ask
from target.service.items import key_problem, parse_item
from tests.target import stacks
from tests.target.services import servers_of, serving
from tests.target.stacks import Stack, until

VERSIONS = itertools.count(1)
WAITING_FOR_A_LOCK = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@dataclass(frozen=True)
class Got:
    """A read, and what the cache did."""

    version: int | None
    cache: str
    origin: str


def put(stack: Stack, key: str, url: str | None = None, value: str = "v") -> int:
    version = next(VERSIONS)
    reply = ask("PUT", f"{url or stack.state.url}/items/{key}", body={"version": version, "value": value})
    assert reply.status == 200, reply
    return version


def get(stack: Stack, key: str, url: str | None = None, query: str = "") -> Got:
    try:
        with urllib.request.urlopen(f"{url or stack.state.url}/items/{key}{query}", timeout=10) as response:
            document, headers = json.loads(response.read()), response.headers
    except urllib.error.HTTPError as error:
        assert error.code == 404
        document, headers = {"version": None}, error.headers
    return Got(document["version"], headers["X-Cache"], headers["X-Read-From"])


def stats(stack: Stack) -> dict[str, Any]:
    """Of all API processes together."""
    total: dict[str, Any] = {}
    for api in stack.state.apis:
        document = ask("GET", f"{api.url}/items/stats?keys").document
        for key, value in document.items():
            if isinstance(value, int):
                total[key] = total.get(key, 0) + value
        for key, value in document["loads_by_key"].items():
            total[f"loads of {key}"] = total.get(f"loads of {key}", 0) + value
    return total


def test_a_write_is_read_and_then_cached_and_then_replaced(stack: Stack) -> None:
    """404, then a miss, a hit, and after the next write a miss again, whoever is asked."""
    one, two = (api.url for api in stack.state.apis)
    assert get(stack, "k1") == Got(None, "miss", "primary")
    first = put(stack, "k1")
    assert get(stack, "k1", one) == Got(first, "miss", "primary")
    assert get(stack, "k1", two) == Got(first, "hit", "cache")
    second = put(stack, "k1", two)
    assert get(stack, "k1", one) == Got(second, "miss", "primary")
    assert ask("DELETE", f"{one}/items/k1/cache").document == {"key": "k1", "invalidated": True}
    assert get(stack, "k1", two) == Got(second, "miss", "primary")
    until(lambda: get(stack, "k1", query="?read=replica") == Got(second, "bypass", "replica"), "replayed")
    totals = stats(stack)
    assert totals["loads of k1"] == 4
    assert totals["hits"] >= 1


def test_a_version_is_written_once(stack: Stack) -> None:
    """The second time is 409; an older number written later is the newer item."""
    url = f"{stack.state.url}/items/k2"
    assert ask("PUT", url, body={"version": 9_000_002, "value": "a"}).status == 200
    assert ask("PUT", url, body={"version": 9_000_002, "value": "b"}).status == 409
    assert ask("PUT", url, body={"version": 9_000_001, "value": "c"}).status == 200
    assert ask("GET", url).document == {"key": "k2", "version": 9_000_001, "value": "c"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"version": true, "value": ""}',
        b'{"version": 1e400, "value": ""}',
        b'{"version": 1}',
        b'{"version": 9223372036854775808, "value": ""}',
        b'{"version": 1, "value": "\\u0000"}',
    ],
)
def test_a_malformed_item_is_refused(body: bytes) -> None:
    """Before any server is asked."""
    with pytest.raises(ValueError, match=r"body|version|value"):
        parse_item("k", body)


@pytest.mark.parametrize("key", ["stats", "a\nb", "\ud800", "x" * 201])
def test_an_impossible_key_is_refused(stack: Stack, key: str) -> None:
    """`stats` is taken."""
    assert key_problem(key) is not None
    assert ask("PUT", f"{stack.state.url}/items/stats", body={"version": 1, "value": ""}).status == 400


def test_readers_never_go_back_while_a_writer_goes_on(stack: Stack) -> None:
    """One writer, six readers over both processes and their cache: nobody reads what was replaced before."""
    done: list[tuple[float, int]] = [(time.monotonic(), put(stack, "k3"))]
    reads: list[tuple[float, int | None]] = []
    over = threading.Event()

    def read(number: int) -> None:
        url = stack.state.apis[number % 2].url
        while not over.is_set():
            started = time.monotonic()
            reads.append((started, get(stack, "k3", url).version))

    with ThreadPoolExecutor(6) as threads:
        readers = [threads.submit(read, number) for number in range(6)]
        try:
            deadline = time.monotonic() + stacks.PATIENCE_S
            while len(done) <= 60 or len(reads) < 120:
                assert time.monotonic() < deadline
                version = put(stack, "k3", stack.state.apis[len(done) % 2].url)
                done.append((time.monotonic(), version))
        finally:
            over.set()
        for reader in readers:
            reader.result()
    for started, version in reads:
        newest = max(written for at, written in done if at <= started)
        assert version is not None and version >= newest


def herd(stack: Stack, key: str, size: int = 24) -> list[Got]:
    """So many reads at once, over both processes."""
    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(lambda n: get(stack, key, stack.state.apis[n % 2].url), range(size)))


def test_a_herd_of_misses_loads_once(stack: Stack) -> None:
    """24 readers of both processes after an invalidation: one load in all."""
    version = put(stack, "k4")
    before = stats(stack).get("loads of k4", 0)
    assert {got.version for got in herd(stack, "k4")} == {version}
    assert stats(stack)["loads of k4"] - before == 1


def test_without_valkey_the_database_answers_and_writes_are_made_up_for(stack: Stack) -> None:
    """Frozen: reads bypass, writes say that nothing was invalidated; afterwards no old value is read."""
    url = stack.state.apis[0].url
    put(stack, "k5")
    old = get(stack, "k5", url).version
    os.kill(stack.process("valkey").pid, signal.SIGSTOP)
    try:
        assert get(stack, "k5", url) == Got(old, "bypass", "primary")
        new = next(VERSIONS)
        reply = ask("PUT", f"{url}/items/k5", body={"version": new, "value": "v"})
        assert (reply.status, reply.document["invalidated"]) == (200, False)
        assert get(stack, "k5", url) == Got(new, "bypass", "primary")
    finally:
        os.kill(stack.process("valkey").pid, signal.SIGCONT)
    until(lambda: stats(stack)["pending_invalidations"] == 0, "made up for")
    for api in stack.state.apis:
        until(lambda at=api.url: get(stack, "k5", at).cache == "hit", "cached again")  # type: ignore[misc]
        assert get(stack, "k5", api.url).version == new
    assert stats(stack)["cache_errors"] >= 2


def test_what_a_loader_gave_up_is_not_stored_when_valkey_goes_on(stack: Stack) -> None:
    """Loaded before a write, told to a frozen Valkey: whoever waits for it sees no old value on its waking, though the
    write's invalidation comes later.
    """
    url = stack.state.apis[0].url
    put(stack, "k12", url)
    get(stack, "k12", url)  # Valkey knows the scripts
    old = put(stack, "k12", url)
    looker = valkey.Redis.from_url(stack.state.valkey).connection_pool.get_connection()
    with (
        psycopg.connect(stack.state.postgres.admin, autocommit=True) as watching,
        psycopg.connect(stack.state.postgres.admin) as holding,
        ThreadPoolExecutor(1) as beside,
    ):
        holding.execute("LOCK TABLE item_versions IN ACCESS EXCLUSIVE MODE")
        read = beside.submit(get, stack, "k12", url)
        until(lambda: watching.execute(WAITING_FOR_A_LOCK).fetchone() == (1,), "the load waits")
        os.kill(stack.process("valkey").pid, signal.SIGSTOP)
        try:
            holding.rollback()
            assert read.result() == Got(old, "miss", "primary")
            looker.send_command("GET", "item:k12")
            new = next(VERSIONS)
            reply = ask("PUT", f"{url}/items/k12", body={"version": new, "value": "v"})
            assert reply.document["invalidated"] is False
        finally:
            os.kill(stack.process("valkey").pid, signal.SIGCONT)
        assert looker.read_response() is None
    until(lambda: stats(stack)["pending_invalidations"] == 0, "made up for")
    until(lambda: get(stack, "k12", url) == Got(new, "hit", "cache"), "cached again")


def test_lost_invalidation_loses_a_known_share(healthy: Stack) -> None:
    """Every fourth of 12 writes: the value cached before it goes on being read, which the records foretell."""
    url = healthy.state.apis[0].url
    put(healthy, "k6", url)
    healthy.switch("lost_invalidation", share=0.25)
    stale = []
    for _ in range(12):
        before = get(healthy, "k6", url).version
        version = put(healthy, "k6", url)
        got = get(healthy, "k6", url)
        if got.version != version:
            assert got == Got(before, "hit", "cache")
            stale.append({"key": "k6", "version": version})
    account = healthy.account()
    assert (account.status["writes"], account.status["lost"]) == (12, 3)
    assert [{"key": one["key"], "version": one["version"]} for one in account.records] == stale
    healthy.switch(None)
    ask("DELETE", f"{url}/items/k6/cache")


def test_stale_replica_read_is_behind_by_what_it_says(healthy: Stack) -> None:
    """A second: the old version until then, the new one after; the account equals what was seen, to the read."""
    old = put(healthy, "k7")
    time.sleep(1.05)  # now the old one is old enough to be seen
    healthy.switch("stale_replica_read", delay_ms=1000)
    url = healthy.state.apis[0].url
    wrote = time.monotonic()
    new = put(healthy, "k7", url)
    written = time.monotonic()
    reads = []
    while not reads or reads[-1][0] < written + 1.1:
        started = time.monotonic()
        reads.append((started, get(healthy, "k7", url), time.monotonic()))
        time.sleep(0.01)
    assert all((got.cache, got.origin) == ("bypass", "replica") for _, got, _ in reads)
    for started, got, ended in reads:
        if ended < wrote + 1:
            assert got.version == old
        if started > written + 1:
            assert got.version == new
    account = healthy.account()
    stale = [started for started, got, _ in reads if got.version == old]
    assert (account.status["reads"], account.status["behind"], account.status["stale"]) == (
        len(reads),
        len(reads),
        len(stale),
    )
    assert len(stale) > 3
    assert 1000 * (max(stale) - written) - 1 <= account.status["oldest_ms"] <= 1000
    assert [record["age_ms"] for record in account.records] == sorted(one["age_ms"] for one in account.records)
    assert {(one["version"], one["newest"]) for one in account.records} == {(old, new)}


def test_stale_replica_read_can_be_a_share_and_leaves_no_trace_in_the_cache(healthy: Stack) -> None:
    """Every second of 10 reads is one second behind: 404, as there was no item then; the others are right."""
    url = healthy.state.apis[0].url
    healthy.switch("stale_replica_read", delay_ms=60000, share=0.5)
    version = put(healthy, "k8", url)
    assert [get(healthy, "k8", url).version for _ in range(10)] == [version, None] * 5
    account = healthy.account()
    assert (account.status["reads"], account.status["behind"], account.status["stale"]) == (10, 5, 5)


def test_no_single_flight_loads_for_every_miss(healthy: Stack) -> None:
    """A herd after an invalidation: as many loads as misses, and as the fault counts."""
    put(healthy, "k9")
    healthy.switch("no_single_flight")
    before = stats(healthy).get("loads of k9", 0)
    with psycopg.connect(healthy.state.postgres.admin, autocommit=True) as watching, ThreadPoolExecutor(1) as beside:
        # The loads wait in the database until several are there: then none of them can have filled the cache.
        with psycopg.connect(healthy.state.postgres.admin) as holding:
            holding.execute("LOCK TABLE item_versions IN ACCESS EXCLUSIVE MODE")
            reads = beside.submit(herd, healthy, "k9")
            until(lambda: watching.execute(WAITING_FOR_A_LOCK).fetchone() > (3,), "four loads wait")
        misses = [got for got in reads.result() if got.cache == "miss"]
    assert len(misses) > 3
    assert stats(healthy)["loads of k9"] - before == len(misses) == healthy.account().status["loads"]


def test_an_item_expires(stack: Stack, tmp_path: Path) -> None:
    """After its time to live, and not before, it is loaded once again; the setting is the service's."""
    with serving(tmp_path, servers_of(stack, TARGET_ITEMS_TTL_S="2")) as service:
        until(lambda: service.get("/readyz").status == 200, "ready")
        assert service.get("/items/stats").document["ttl_s"] == 2.0
        put(stack, "k10")
        began = time.monotonic()
        assert get(stack, "k10", service.url).cache == "miss"
        until(lambda: get(stack, "k10", service.url).cache == "miss", "expired")
        assert time.monotonic() - began >= 2
        totals = service.get("/items/stats?keys").document
        assert totals["loads_by_key"]["k10"] == 2
        assert totals["hits"] >= 1


def test_durations_carry_the_template_and_not_the_key(stack: Stack) -> None:
    """Otherwise every key would be a time series."""
    get(stack, "k11", stack.state.apis[0].url)
    with urllib.request.urlopen(f"{stack.state.apis[0].url}/metrics", timeout=5) as response:
        text = response.read().decode()
    assert 'route="/items/{key}"' in text
    assert "k11" not in text
