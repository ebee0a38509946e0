"""What a client of the reference target sees."""

from __future__ import annotations

import http.client
import os
import re
import signal
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from target.loopback_http import ask
from target.service.auth import parse_credentials
from target.service.request_body import MalformedBody
from tests.target.stacks import Stack, signal_tree, until


def post_raw(stack: Stack, body: bytes) -> int:
    host, _, port = stack.state.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("POST", "/auth/login", body)
    return connection.getresponse().status


def metric(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as response:
        text = response.read().decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"{name} is not in {text}"
    return float(found[1])


def test_a_login_gives_a_token_that_me_accepts(stack: Stack) -> None:
    """The last seeded user logs in; /auth/me knows him and read him from the replica."""
    last = stack.state.users.count - 1
    reply = stack.login(last)
    assert reply.status == 200
    assert reply.document["user"] == f"user{last}"
    assert reply.document["expires_in_s"] == 3600
    me = ask("GET", f"{stack.state.url}/auth/me", reply.document["token"])
    assert (me.status, me.document["username"]) == (200, f"user{last}")
    assert me.document["read_from"] == "replica"


@pytest.mark.parametrize("number", [0, 10**9])
def test_a_wrong_password_and_an_unknown_user_get_the_same_401(stack: Stack, number: int) -> None:
    """Nothing tells whether the account exists."""
    reply = stack.login(number, password="wrong")
    assert (reply.status, reply.document) == (401, {"error": "wrong username or password"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"username": "user0"}',
        b'{"username": 1, "password": "x"}',
        b'{"username": "", "password": "x"}',
        b'{"username": "a\\u0000b", "password": "x"}',
        b'{"username": "\\ud800", "password": "x"}',
        b'{"username": "\xff", "password": "x"}',
        b"[" * 10_000,
        b'{"username": "' + b"a" * 20_000 + b'", "password": "x"}',
    ],
)
def test_a_malformed_body_is_a_400(stack: Stack, body: bytes) -> None:
    """And never a 500."""
    assert post_raw(stack, body) == 400


def test_parsing_names_the_field() -> None:
    """The text of the 400 says what to change."""
    with pytest.raises(MalformedBody, match="password"):
        parse_credentials(b'{"username": "user0"}')


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
def test_me_refuses_a_token_that_is_not_ours(stack: Stack, token: str) -> None:
    """401, with the scheme to use."""
    assert ask("GET", f"{stack.state.url}/auth/me", token).status == 401


def test_me_refuses_a_token_with_another_signature(stack: Stack) -> None:
    """A genuine token with its signature changed is worth nothing."""
    head, claims, signature = stack.login().document["token"].split(".")
    forged = f"{head}.{claims}.{signature[::-1]}"
    assert ask("GET", f"{stack.state.url}/auth/me", forged).status == 401


def test_a_herd_is_served_by_all_processes_without_an_error(stack: Stack) -> None:
    """200 logins from 50 threads: all succeed, and both processes had their part."""
    name = 'target_logins_total{outcome="ok"}'
    before = [metric(api.url, name) for api in stack.state.apis]
    with ThreadPoolExecutor(50) as threads:
        statuses = [reply.status for reply in threads.map(stack.login, range(200))]
    assert statuses == [200] * 200
    served = [metric(api.url, name) - old for api, old in zip(stack.state.apis, before, strict=True)]
    assert sum(served) == 200
    assert min(served) >= 40, served


def test_metrics_show_the_pool_and_the_memory(stack: Stack) -> None:
    """Size, open, in use, waiting, wait seconds, resident memory."""
    url = stack.state.apis[0].url
    assert metric(url, 'target_pool_size{pool="primary"}') == 8
    until(lambda: metric(url, 'target_pool_open{pool="primary"}') == 8, "all connections are open")
    until(lambda: metric(url, 'target_pool_in_use{pool="primary"}') == 0, "nobody uses one")
    assert metric(url, 'target_pool_waiting{pool="primary"}') == 0
    assert metric(url, 'target_pool_wait_seconds_total{pool="primary"}') >= 0
    assert metric(url, "process_resident_memory_bytes") > 20e6


def test_a_frozen_primary_shows_in_the_pool_in_readiness_and_in_the_answers(stack: Stack) -> None:
    """12 logins, 8 connections to a frozen server: 8 in use, 4 waiting, 503 for all; then all is well."""
    url = stack.state.apis[0].url
    primary = stack.process("postgres-primary").pid
    signal_tree(primary, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(12) as threads:
            replies = [threads.submit(stack.login, number, None, url) for number in range(12)]
            until(lambda: metric(url, 'target_pool_in_use{pool="primary"}') == 8, "8 connections in use")
            until(lambda: metric(url, 'target_pool_waiting{pool="primary"}') == 4, "4 logins waiting")
            ready = ask("GET", f"{url}/readyz")
            assert {reply.result().status for reply in replies} == {503}
    finally:
        signal_tree(primary, signal.SIGCONT)
    assert ready.status == 503
    assert ready.document["dependencies"]["postgres_primary"]["state"] == "down"
    assert replies[0].result().document["dependency"] == "postgres_primary"
    until(lambda: metric(url, 'target_pool_in_use{pool="primary"}') == 0, "the pool drained")
    assert stack.login(url=url).status == 200


def test_a_frozen_valkey_is_named_and_liveness_stays(stack: Stack) -> None:
    """/readyz 503 with the one that is down; login 503 with Retry-After; /healthz 200; then it recovers."""
    api = stack.state.apis[0].url
    os.kill(stack.process("valkey").pid, signal.SIGSTOP)
    try:
        ready = ask("GET", f"{api}/readyz")
        login = stack.login(url=api)
        alive = ask("GET", f"{api}/healthz")
    finally:
        os.kill(stack.process("valkey").pid, signal.SIGCONT)
    states = {name: check["state"] for name, check in ready.document["dependencies"].items()}
    assert states == {"postgres_primary": "ok", "postgres_replica": "ok", "valkey": "down", "upstream": "ok"}
    assert (ready.status, login.status, alive.status) == (503, 503, 200)
    assert login.document["dependency"] == "valkey"
    until(lambda: ask("GET", f"{api}/readyz").status == 200, "ready again")
    assert stack.login(url=api).status == 200


def test_without_the_replica_reads_go_to_the_primary(stack: Stack) -> None:
    """/readyz says that the replica is down and stays 200, because login does not need it."""
    api = stack.state.apis[0].url
    token = stack.login().document["token"]
    replica = stack.process("postgres-replica").pid
    signal_tree(replica, signal.SIGSTOP)
    try:
        ready = ask("GET", f"{api}/readyz")
        me = ask("GET", f"{api}/auth/me", token, limit_s=15.0)
    finally:
        signal_tree(replica, signal.SIGCONT)
    assert ready.status == 200
    assert ready.document["dependencies"]["postgres_replica"]["state"] == "down"
    assert (me.status, me.document["read_from"]) == (200, "primary")
