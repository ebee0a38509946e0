"""/db/work: the pool's wait and the query's time apart, and connections that a fault keeps."""

from __future__ import annotations

import psycopg
import pytest

from target.errors import UsageError
from target.faults import folder
from target.loopback_http import Reply, ask
from tests.target.stacks import Stack, at_once, until
from tests.target.test_service import metric

IN_USE = 'target_pool_in_use{pool="primary"}'


def work(stack: Stack, ms: float) -> Reply:
    """In the first process, whose pool has 8 connections."""
    return ask("GET", f"{stack.state.apis[0].url}/db/work?ms={ms}", limit_s=15.0)


def sessions(stack: Stack, state: str) -> int:
    """Of the first API process, as the server sees them."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state = %s AND xact_start IS NOT NULL"
    )
    with psycopg.connect(stack.state.postgres.admin) as admin:
        row = admin.execute(query, (stack.state.apis[0].name, state)).fetchone()
    assert row is not None
    return int(row[0])


def test_wait_and_query_are_told_apart(stack: Stack) -> None:
    """12 at once, 600 ms each, 8 connections: 8 wait for nothing, 4 wait for the length of a query."""
    requests = [("GET", "/db/work?ms=600", None)] * 12
    replies = [reply.document for _, _, reply in at_once(stack.state.apis[0].url, requests)]
    assert all(reply["query_ms"] >= 600 for reply in replies)
    waits = sorted(reply["wait_ms"] for reply in replies)
    assert waits[7] < 300
    assert waits[8] > 300


@pytest.mark.parametrize("ms", ["-1", "x", "nan", "inf", "60001"])
def test_a_length_that_is_none_is_refused(stack: Stack, ms: str) -> None:
    """400, and no connection was taken for it."""
    assert ask("GET", f"{stack.state.url}/db/work?ms={ms}").status == 400


def test_pool_leak_keeps_every_nth_connection_until_it_is_off(healthy: Stack) -> None:
    """Every third of 9: 3 of 8 connections are in use with nobody using them; off, they are back."""
    url = healthy.state.apis[0].url
    healthy.switch("pool_leak", every=3)
    assert [work(healthy, 0).status for _ in range(9)] == [200] * 9
    assert healthy.account().status == {"requests": 9, "leaked": 3}
    assert metric(url, IN_USE) == 3
    healthy.switch(None)
    until(lambda: metric(url, IN_USE) == 0, "all connections back")
    assert metric(url, 'target_pool_open{pool="primary"}') == 8


def test_when_every_connection_has_leaked_the_pool_says_so(healthy: Stack) -> None:
    """8 leaks, then 503 after the pool's wait, which is counted and is no further leak."""
    url = healthy.state.apis[0].url
    before = metric(url, 'target_pool_timeouts_total{pool="primary"}')
    healthy.switch("pool_leak", every=1)
    assert [work(healthy, 0).status for _ in range(8)] == [200] * 8
    refused = work(healthy, 0)
    assert (refused.status, refused.document["dependency"]) == (503, "postgres_primary")
    assert healthy.account().status == {"requests": 8, "leaked": 8}
    assert metric(url, 'target_pool_timeouts_total{pool="primary"}') == before + 1
    healthy.switch(None)
    until(lambda: work(healthy, 0).status == 200, "served again")


def test_a_leak_that_is_switched_over_gives_its_connections_back(healthy: Stack) -> None:
    """Another fault, or the same one afresh."""
    url = healthy.state.apis[0].url
    healthy.switch("pool_leak", every=1)
    assert [work(healthy, 0).status for _ in range(3)] == [200] * 3
    healthy.switch("pool_leak", every=1)
    until(lambda: metric(url, IN_USE) == 0, "all connections back")
    assert healthy.account().status == {"requests": 0, "leaked": 0}


def test_idle_in_transaction_is_what_postgresql_sees(healthy: Stack) -> None:
    """Every second of 6: the server has exactly 3 such sessions, and none when it is off."""
    healthy.switch("idle_in_transaction", every=2)
    assert [work(healthy, 0).status for _ in range(6)] == [200] * 6
    assert healthy.account().status == {"requests": 6, "open": 3}
    assert sessions(healthy, "idle in transaction") == 3
    healthy.switch(None)
    until(lambda: sessions(healthy, "idle in transaction") == 0, "rolled back")
    until(lambda: metric(healthy.state.apis[0].url, IN_USE) == 0, "all connections back")


def test_slow_query_adds_what_it_says_to_the_query_and_not_to_the_wait(healthy: Stack) -> None:
    """600 ms more on the server, for each of 3; a login has none of it."""
    healthy.switch("slow_query", delay_ms=600)
    for _ in range(3):
        document = work(healthy, 50).document
        assert document["query_ms"] >= 650
        assert document["wait_ms"] < 600
    assert healthy.login().status == 200
    assert healthy.account().status == {"queries": 3, "added_ms": 1800}


@pytest.mark.parametrize("name", ["pool_leak", "idle_in_transaction"])
def test_every_zeroth_is_refused(name: str) -> None:
    """Exit code 2's error, before any process is touched."""
    with pytest.raises(UsageError, match="every must be at least 1"):
        folder.build(name, {"every": "0"})
