"""What the state file has more of a stack with `--ha`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatabaseNode:
    """One PostgreSQL with its Patroni, addressed past the proxy: as the service's role and as superuser."""

    name: str
    dsn: str
    admin: str
    rest_url: str
    patroni_pid: int
    data_directory: str


@dataclass(frozen=True)
class DatabaseCluster:
    """Addresses through the proxy, and every node; user and password of Patroni's REST API are for changes."""

    writes: str
    reads: str
    admin: str
    rest_user: str
    rest_password: str
    nodes: tuple[DatabaseNode, ...]


@dataclass(frozen=True)
class ValkeyNode:
    """One Valkey, whatever its role."""

    name: str
    url: str
    pid: int


@dataclass(frozen=True)
class Valkeys:
    """The Sentinels (`host:port`), what they call the primary, and the servers."""

    service_name: str
    sentinels: tuple[str, ...]
    nodes: tuple[ValkeyNode, ...]


@dataclass(frozen=True)
class NodeControl:
    """Where nodes are killed and started again, with the token of `faults`."""

    url: str
    path: str


@dataclass(frozen=True)
class DatabaseProxy:
    """The HAProxy before the databases: its runtime socket (a path) and its Prometheus endpoint."""

    stats_socket: str
    metrics_url: str


@dataclass(frozen=True)
class HighAvailability:
    """What only `--ha` has."""

    postgres: DatabaseCluster
    valkey: Valkeys
    haproxy: DatabaseProxy
    otlp: str | None
    """The OTLP/HTTP receiver, to which an exporter adds /v1/traces."""
    nodes: NodeControl
