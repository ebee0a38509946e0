"""The three databases: made, and waited for until each has its role."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import psycopg

from target.stack import haproxy, postgres, unprivileged
from target.stack.ha import database_proxy, patroni, tools
from target.stack.launch import Running, failed, wait_for
from target.stack.options import Options

NODES = ("db1", "db2", "db3")
BOOT_S = 60.0
"""For initdb, the election of the first primary, and a copy for each replica."""
T = TypeVar("T")


def make(options: Options, directory: Path) -> patroni.DatabaseCluster:
    """A directory with everything that Patroni needs, and nothing started yet."""
    run_as = unprivileged.for_postgres(signal.SIGKILL)
    home = directory / "postgres"
    home.mkdir()
    if run_as.user is not None:
        directory.chmod(0o711)  # the other user has to get through, and to see nothing
    programs = tools.write(home / "bin", postgres.binaries())
    unprivileged.hand_over(home, run_as)
    return patroni.DatabaseCluster(
        members=[patroni.Member(name, patroni.Ports.reserve(), home / name) for name in NODES],
        passwords=patroni.Passwords.generate(),
        bin_directory=programs,
        run_as=run_as,
        synchronous=not options.asynchronous,
        # After a failover the pools for reads, too, are on the one primary.
        connections=max(100, 2 * options.processes * options.pool_size + postgres.SPARE_CONNECTIONS),
    )


def first_primary(patronis: Sequence[Running], dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection as soon as one of the nodes has become the primary."""

    def attempt() -> psycopg.Connection[tuple[object, ...]] | None:
        try:
            return psycopg.connect(dsn, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError:
            return None

    return _wait_for_all(patronis, "with a primary", attempt)


def wait_replicas(
    patronis: Sequence[Running], admin: psycopg.Connection[tuple[object, ...]], directory: Path, asynchronous: bool
) -> None:
    """Until all replicas stream, one of them has each write before it is acknowledged, and the proxy knows them."""
    query = "SELECT count(*), count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) FROM pg_stat_replication"
    replicas = len(patronis) - 1

    def complete() -> bool | None:
        row = admin.execute(query + " WHERE state = 'streaming'").fetchone()
        assert row is not None  # an aggregate gives one row
        streams = row[0] == replicas and (asynchronous or bool(row[1]))
        return (
            True
            if streams and len(haproxy.servers_up(database_proxy.stats_socket(directory), "replicas")) == replicas
            else None
        )

    _wait_for_all(patronis, "with all replicas", complete)


def _wait_for_all(servers: Sequence[Running], what: str, ready: Callable[[], T | None]) -> T:
    """As `wait_for`, and any one of them that ends is the end of it."""

    def checked() -> T | None:
        for one in servers:
            if (code := one.process.poll()) is not None:
                raise failed(one.name, one.log, f"ended with code {code} before the cluster was up {what}")
        return ready()

    return wait_for(servers[0], f"part of a cluster {what}", checked, BOOT_S)
