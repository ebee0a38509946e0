"""A Valkey primary that dies or freezes under its Sentinels: the service finds the new one, and is open meanwhile."""

from __future__ import annotations

import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from target.service import valkey_client
from target.service.settings import ServiceSettings
from tests.target.feeds import Client
from tests.target.sentinels import SERVICE, Guarded, guarded
from tests.target.services import Service, serving
from tests.target.stacks import Stack, until
from tests.target.test_rate_limit import CALLERS, limited


@pytest.fixture
def valkeys(tmp_path: Path) -> Iterator[Guarded]:
    """Servers of this test's own."""
    with guarded(tmp_path) as servers:
        yield servers


@pytest.fixture
def service(stack: Stack, valkeys: Guarded, tmp_path: Path) -> Iterator[Service]:
    """An API process that is told of the Sentinels."""
    settings = {
        "TARGET_PRIMARY_DSN": stack.state.postgres.primary,
        "TARGET_REPLICA_DSN": stack.state.postgres.replica,
        "TARGET_VALKEY_URL": valkeys.url,
        "TARGET_VALKEY_SENTINELS": valkeys.addresses,
        "TARGET_VALKEY_SERVICE": SERVICE,
        "TARGET_RATE_LIMIT": "1000",
    }
    with serving(tmp_path, settings) as running:
        until(lambda: running.get("/readyz").status == 200, "ready")
        yield running


def page(service: Service) -> str:
    with urllib.request.urlopen(f"{service.url}/metrics", timeout=5) as answer:
        return str(answer.read(), "utf-8")


def roles(service: Service) -> set[tuple[str, str]]:
    nodes = service.get("/readyz").document["valkey_nodes"]
    return {(node["role"], node["state"]) for node in nodes}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_the_service_follows_the_sentinels_to_the_new_primary(
    stack: Stack, service: Service, valkeys: Guarded, how: signal.Signals
) -> None:
    """Killed and frozen: /limited never fails, is open for a while, and then enforced by the new primary."""
    until(lambda: roles(service) == {("primary", "ok"), ("replica", "ok")}, "both are known")
    caller = next(CALLERS)
    client = Client(stack, "one", url=service.url)
    until(lambda: limited(service.url, caller).headers["x-ratelimit-state"] == "enforced", "enforced")
    valkeys.primary.process.send_signal(how)
    seen: set[int] = set()

    def state() -> str | None:
        got = limited(service.url, caller)
        seen.add(got.status)
        return got.headers["x-ratelimit-state"]

    until(lambda: state() == "fail-open", "open without the old one")
    valkeys.fail_over()
    until(lambda: valkeys.replica.role() == "master", "another one is the primary")
    until(lambda: state() == "enforced", "enforced by the new primary")
    until(lambda: "target_feed_resubscribed_total 0.0" not in page(service), "the feed has left the old one")
    assert seen == {200}
    until(lambda: ("primary", "ok") in roles(service), "the Sentinels say so")
    until(lambda: Client(stack, "two", url=service.url).hello["subscribed"], "subscribed again")
    client.send(publish="after")
    got = {message["type"]: message for message in (client.next(), client.next())}
    assert got["published"]["seq"] == 1, "the new primary had no number yet"
    assert got["message"]["publish"] == "after"
    module = f"after-{how.name.lower()}"
    assert service.post("/modules", {"name": module}).document["invalidated"] is True
    service.get(f"/modules/{module}")
    assert valkeys.replica.client().exists(f"modules:module:{module}") == 1
    if how == signal.SIGSTOP:
        valkeys.primary.process.send_signal(signal.SIGCONT)
        until(lambda: valkeys.primary.role() == "slave", "it is a replica now")
        until(lambda: state() == "enforced", "and it changes nothing")


def test_a_frozen_sentinel_costs_little(service: Service, valkeys: Guarded) -> None:
    """The first of three is frozen, then the primary is killed: the other two name the new one."""
    valkeys.sentinels[0].process.send_signal(signal.SIGSTOP)
    valkeys.primary.process.kill()
    caller = next(CALLERS)
    try:
        until(lambda: limited(service.url, caller).headers["x-ratelimit-state"] == "fail-open", "noticed")
        valkeys.fail_over(valkeys.sentinels[0])
        until(lambda: limited(service.url, caller).headers["x-ratelimit-state"] == "enforced", "enforced again")
    finally:
        valkeys.sentinels[0].process.send_signal(signal.SIGCONT)


def test_the_sentinels_may_have_a_password_of_their_own() -> None:
    """As in an address; the servers have that of the URL."""
    settings = ServiceSettings(
        primary_dsn="",
        replica_dsn="",
        valkey_url="redis://:s%2Fe@h:1/2",
        signing_key="",
        fault_token="",
        valkey_sentinels=":p%40@h1:26379 h2:26380",
    )
    sentinel = valkey_client.sentinels(settings)
    assert sentinel is not None
    options = [one.connection_pool.connection_kwargs for one in sentinel.sentinels]
    assert [(one["host"], one["port"], one["password"]) for one in options] == [
        ("h1", 26379, "p@"),
        ("h2", 26380, "p@"),
    ]
    pool = valkey_client.pool(settings, 3, 1.0, 0.5)
    assert (pool.connection_kwargs["password"], pool.connection_kwargs["db"]) == ("s/e", 2)
