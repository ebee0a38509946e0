"""Settings of one API process: `TARGET_*` in the environment → one frozen, fully checked object."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict

from target.errors import all_problems

PREFIX = "TARGET_"
SHORTEST_KEY = 32
"""Bytes; HS256 wants a key at least as long as its digest."""


@dataclass(frozen=True)
class ServiceSettings:
    """What one API process needs to know. Every field is the variable `TARGET_<FIELD>`."""

    primary_dsn: str
    replica_dsn: str
    valkey_url: str
    signing_key: str
    fault_token: str
    name: str = "api"
    listen_fd: int = -1
    """Descriptor of an already bound socket; -1 binds `host`:`port`."""
    host: str = "127.0.0.1"
    port: int = 8000
    pool_size: int = 8
    """Connections to the primary; the replica gets as many."""
    pool_wait_s: float = 5.0
    """A login that waited this long for a connection is answered 503."""
    query_timeout_s: float = 3.0
    """Our own deadline: `statement_timeout` does not help while the server is frozen."""
    hash_threads: int = 2
    """Threads that verify passwords; the next login waits its turn."""
    hash_memory_kib: int = 4096
    hash_time_cost: int = 1
    session_ttl_s: int = 3600
    upstream_url: str = ""
    """Empty: there is none, and /quote is answered 503."""
    upstream_timeout_s: float = 0.5
    breaker_threshold: int = 5
    """Failures in a row that open the breaker."""
    breaker_rest_s: float = 2.0
    """How long it stays open before it lets one call through."""
    items_ttl_s: float = 30.0
    """How long an item stays in the cache."""
    items_load_ms: float = 10.0
    """What a load after a miss costs on the server, so that a stampede has a size."""
    feed_queue: int = 256
    """Messages that may wait for a slow WebSocket client before it is dropped."""
    database_nodes: str = ""
    """The DSNs of all database nodes, past any proxy, separated by spaces; each may be written NAME=DSN.
    Empty: `primary_dsn` and `replica_dsn` are the nodes."""
    nodes_check_s: float = 0.5
    """How often each node is asked for its role and its lag."""
    replica_max_lag_s: float = 1.0
    """A replica that is further behind gets no reads."""
    valkey_sentinels: str = ""
    """`host:port` of each Sentinel, separated by spaces. Empty: `valkey_url` is the one server."""
    valkey_service: str = "springback"
    """What the Sentinels call the primary."""
    rate_limit: int = 100
    """Requests that one caller may make within `rate_limit_window_s`, over all API processes."""
    rate_limit_window_s: int = 60
    rate_limit_paths: str = ""
    """Beginnings of paths that are limited besides /limited, separated by spaces."""
    modules_ttl_s: float = 30.0
    """How long an answer about modules stays in the cache."""
    otlp_endpoint: str = ""
    """Address of an OTLP/HTTP receiver, `http://host:port`; empty: no traces."""


_MINIMUM: Mapping[str, float] = {
    "port": 1,
    "pool_size": 1,
    "pool_wait_s": 0.01,
    "query_timeout_s": 0.01,
    "hash_threads": 1,
    "hash_memory_kib": 8,
    "hash_time_cost": 1,
    "session_ttl_s": 1,
    "upstream_timeout_s": 0.001,
    "breaker_threshold": 1,
    "breaker_rest_s": 0.01,
    "items_ttl_s": 0.01,
    "items_load_ms": 0,
    "feed_queue": 1,
    "nodes_check_s": 0.01,
    "replica_max_lag_s": 0,
    "rate_limit": 1,
    "rate_limit_window_s": 1,
    "modules_ttl_s": 0.01,
}


def from_environment(environment: Mapping[str, str]) -> ServiceSettings:
    """Read and check every setting; raise one `UsageError` that names them all."""
    problems: list[str] = []
    values: dict[str, str | int | float] = {}
    for field in dataclasses.fields(ServiceSettings):
        variable = PREFIX + field.name.upper()
        text = environment.get(variable)
        if text is None:
            if field.default is dataclasses.MISSING:
                problems.append(f"{variable} is not set")
            continue
        try:
            values[field.name] = _converted(str(field.type), text)
        except ValueError:
            problems.append(f"{variable}={text!r} is not a number")
            continue
        least = _MINIMUM.get(field.name)
        value = values[field.name]
        if least is not None and not isinstance(value, str) and value < least:
            problems.append(f"{variable}={text} is below {least:g}")
    key = values.get("signing_key", "")
    if key and len(str(key)) < SHORTEST_KEY:
        problems.append(f"{PREFIX}SIGNING_KEY is shorter than {SHORTEST_KEY} characters")
    problems += _address_problems({name: str(value) for name, value in values.items()})
    if problems:
        raise all_problems("the service cannot start", problems, "set these variables and start it again")
    return ServiceSettings(**values)  # type: ignore[arg-type]  # each value was converted to its field's type above


def _address_problems(values: Mapping[str, str]) -> list[str]:
    """What is wrong with the settings that are lists of addresses; passwords are not repeated."""
    problems = []
    try:
        names = [name for name, _ in node_addresses(values.get("database_nodes", ""))]
        twice = {name for name in names if names.count(name) > 1}
        problems += [f"{PREFIX}DATABASE_NODES has {name} more than once" for name in sorted(twice)]
    except psycopg.ProgrammingError:
        problems.append(f"{PREFIX}DATABASE_NODES is not DSN DSN … or NAME=DSN NAME=DSN …")
    for address in values.get("valkey_sentinels", "").split():
        if not re.fullmatch(r"(\S*@)?[^\s:@/]+:\d{1,5}", address):
            problems.append(f"{PREFIX}VALKEY_SENTINELS: {address.rpartition('@')[2]} is not HOST:PORT")
    for path in values.get("rate_limit_paths", "").split():
        if not path.startswith("/"):
            problems.append(f"{PREFIX}RATE_LIMIT_PATHS: {path} does not begin with /")
    endpoint = values.get("otlp_endpoint", "")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        problems.append(f"{PREFIX}OTLP_ENDPOINT={endpoint!r} is not http://HOST:PORT")
    return problems


def node_addresses(database_nodes: str) -> list[tuple[str, str]]:
    """Name and DSN of each node of the setting; one without a name is called `host:port`.

    Raises psycopg.ProgrammingError when one of them is no DSN.
    """
    nodes = []
    for text in database_nodes.split():
        name, given, dsn = text.partition("=")
        if not given or "/" in name:  # a DSN without a name; its own parameters may have an =
            name, dsn = "", text
        parts = conninfo_to_dict(dsn)
        port = str(parts.get("port", 5432))
        if not dsn.startswith(("postgresql://", "postgres://")) or not port.isdecimal():
            raise psycopg.ProgrammingError("not the address of a server")
        nodes.append((name or f"{parts.get('host', 'localhost')}:{port}", dsn))
    return nodes


def _converted(type_name: str, text: str) -> str | int | float:
    if type_name == "int":
        return int(text)
    return float(text) if type_name == "float" else text
