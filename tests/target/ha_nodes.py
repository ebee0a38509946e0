"""The nodes of a highly available stack as a client sees them: roles, what dies and comes back, what was written."""

from __future__ import annotations

from typing import Any

import psycopg
import redis
from redis.sentinel import Sentinel

from target.loopback_http import ask
from target.stack.ha.state import DatabaseNode, HighAvailability
from tests.target.stacks import Stack, until


def parts(stack: Stack) -> HighAvailability:
    """What only this form has, as it was when it came up."""
    assert stack.state.ha is not None
    return stack.state.ha


def act(stack: Stack, action: str, name: str) -> dict[str, Any]:
    """As `python -m target node ACTION NAME`, without the time that the command takes to start."""
    control = parts(stack).nodes
    reply = ask("PUT", control.url + control.path, stack.state.faults.token, {"node": name, "action": action})
    assert reply.status == 200, reply
    return dict(reply.document)


def node_states(stack: Stack) -> dict[str, str]:
    """Each part of each node, by what `node` calls it."""
    control = parts(stack).nodes
    nodes = ask("GET", control.url + control.path, stack.state.faults.token).document["nodes"]
    return {
        node["name"] if part == "server" else f"{node['name']}.{part}": is_now["state"]
        for node in nodes
        for part, is_now in node["parts"].items()
    }


def database_roles(stack: Stack) -> dict[str, str]:
    """By node: `primary`, `streaming` for a replica that follows, or what else Patroni says."""
    return {node.name: _role(node) for node in parts(stack).postgres.nodes}


def _role(node: DatabaseNode) -> str:
    try:
        said = ask("GET", f"{node.rest_url}/patroni", limit_s=2.0).document
    except OSError:
        return "unreachable"
    return str(said["role"] if said["role"] == "primary" else said.get("replication_state", said["state"]))


def healthy(stack: Stack) -> bool:
    """One primary, two replicas that follow it."""
    return sorted(database_roles(stack).values()) == ["primary", "streaming", "streaming"]


def primary_of(stack: Stack) -> DatabaseNode:
    """As soon as there is one, and no other."""
    found: list[DatabaseNode] = []

    def is_one() -> bool:
        found[:] = [node for node in parts(stack).postgres.nodes if _role(node) == "primary"]
        return len(found) == 1

    until(is_one, "one primary")
    return found[0]


def server_behind(dsn: str) -> tuple[str, bool]:
    """Data directory of the PostgreSQL that a listener leads to, and whether it is a replica."""
    with psycopg.connect(dsn, autocommit=True, connect_timeout=2) as connection:
        row = connection.execute("SELECT current_setting('data_directory'), pg_is_in_recovery()").fetchone()
    assert row is not None
    return row[0], row[1]


def write(dsn: str, number: int) -> bool:
    """Whether it was acknowledged."""
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=2) as connection:
            connection.execute("SET statement_timeout = '2s'")
            connection.execute("INSERT INTO acknowledged_writes VALUES (%s)", (number,))
    except psycopg.Error:
        return False
    return True


def written(dsn: str) -> set[int]:
    with psycopg.connect(dsn, autocommit=True, connect_timeout=2) as connection:
        return {row[0] for row in connection.execute("SELECT number FROM acknowledged_writes")}


def valkey_primary(stack: Stack) -> str | None:
    """The node that the Sentinels name; None while they name none that answers as a primary."""
    valkey = parts(stack).valkey
    sentinels = [(host, int(port)) for host, port in (one.split(":") for one in valkey.sentinels)]
    try:
        address = Sentinel(sentinels, socket_timeout=1.0).discover_master(valkey.service_name)
    except redis.RedisError:
        return None
    (node,) = [one for one in valkey.nodes if one.url.endswith(f":{address[1]}/0")]
    try:
        return node.name if valkey_replication(node.url)["role"] == "master" else None
    except redis.RedisError:
        return None


def valkey_replication(url: str) -> Any:
    with redis.Redis.from_url(url, socket_timeout=1.0) as client:
        return client.info("replication")
