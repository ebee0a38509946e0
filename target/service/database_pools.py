"""Bounded pools: one to the primary, one to each replica. A pool whose server has gone is replaced by a new one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from target.service.database_node import DatabaseNode
from target.service.settings import ServiceSettings

Row = tuple[Any, ...]

CONNECTED_WITHIN_S = 1.0
"""A new pool to a primary that answers otherwise is given so long for its first connection."""

WHERE_AM_I = "SELECT host(inet_server_addr()), inet_server_port()"


class NodeConnection(psycopg.AsyncConnection[Row]):
    """A connection that knows where it leads to."""

    node: str = ""
    address: tuple[str, int] | None = None
    """The server's own end, where a proxy chose the node."""


Pool = AsyncConnectionPool[NodeConnection]


@dataclass(frozen=True)
class PoolFigures:
    """One pool now, and since it was made."""

    size: int
    """Connections it may hold."""
    open: int
    in_use: int
    waiting: int
    """Requests that wait for one."""
    wait_s: float
    timeouts: int
    """Waits that got none."""


class Pools:
    """`primary` follows the DSN of the primary, which may be a proxy's; the others are by node, while it is a replica.

    psycopg's pool tries to reconnect less and less often. So a pool is replaced when its server is known to have been
    started again or to be another one: the new one connects at once, and connections to an old primary end.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._through_proxy = bool(settings.database_nodes)
        self._names: dict[tuple[str, int], str] = {}
        self._started: dict[str, str] = {}
        self._replicas: dict[str, Pool] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._checked: set[int] = set()
        self._primary_is: tuple[str, str] | None = None
        self._connected, self._made_at_s = False, 0.0
        self.primary = self._new_primary()
        self.renewed = 0
        """Pools that were replaced."""

    async def open(self) -> None:
        """Start connecting to the primary; returns at once."""
        await self.primary.open(wait=False)

    async def close(self) -> None:
        """Give every connection back to the servers."""
        await asyncio.gather(*(pool.close(timeout=1.0) for pool in (self.primary, *self._replicas.values())))
        if self._background:
            await asyncio.wait(self._background, timeout=1.0)

    def name_of(self, connection: NodeConnection) -> str:
        """The node that a connection leads to; `address:port` until the monitor has met it."""
        address = connection.address
        return connection.node if address is None else self._names.get(address, connection.node)

    def of(self, node: str) -> Pool | None:
        """The pool of a replica."""
        return self._replicas.get(node)

    def figures(self) -> dict[str, PoolFigures]:
        """Of each pool by name: `primary`, and each replica."""
        return {name: _figures(pool) for name, pool in (("primary", self.primary), *self._replicas.items())}

    def follow(self, nodes: Iterable[DatabaseNode], primary: DatabaseNode | None) -> None:
        """After each round of the monitor: a pool for each replica; new ones where the server is not the same."""
        for node in nodes:
            answer = node.answer
            if not node.reachable or answer is None:
                continue
            self._names[answer.address] = node.name
            restarted = self._started.get(node.name, answer.started) != answer.started
            self._started[node.name] = answer.started
            if (restarted or node.role == "primary") and node.name in self._replicas:
                self._retire(self._replicas.pop(node.name))
            if node.role == "replica" and node.name not in self._replicas:
                self._replicas[node.name] = pool = self._new_replica(node)
                self._spawn(pool.open(wait=False))
        if primary is not None and primary.answer is not None:
            known, self._primary_is = self._primary_is, (primary.name, primary.answer.started)
            # There it is, and no connection leads to it: the proxy learnt of it later than we did.
            late = not self._connected and time.monotonic() > self._made_at_s + CONNECTED_WITHIN_S
            if late or (known is not None and known != self._primary_is):
                self.renew_primary()

    def renew_primary(self) -> None:
        """The primary is another one, or was started again."""
        self._retire(self.primary)
        self.primary = self._new_primary()
        self._spawn(self.primary.open(wait=False))

    def check(self, pool: Pool) -> None:
        """Look through the idle connections of a pool, one of which has failed, and replace the dead ones."""
        if id(pool) not in self._checked and not pool.closed:
            self._checked.add(id(pool))
            self._spawn(self._check(pool))

    async def _check(self, pool: Pool) -> None:
        try:
            await pool.check()
        finally:
            self._checked.discard(id(pool))

    def _retire(self, pool: Pool) -> None:
        self.renewed += 1
        self._spawn(pool.close(timeout=1.0))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # a pool that cannot be closed or checked is gone already

    def _new_primary(self) -> Pool:
        self._connected, self._made_at_s = False, time.monotonic()

        async def name(connection: NodeConnection) -> None:
            self._connected = True
            connection.node = "primary"
            if self._through_proxy:  # which of the nodes, the server itself has to say
                row = await (await connection.execute(WHERE_AM_I)).fetchone()
                assert row is not None
                connection.node, connection.address = f"{row[0]}:{row[1]}", (row[0], row[1])

        return self._pool("primary", self._settings.primary_dsn, name)

    def _new_replica(self, node: DatabaseNode) -> Pool:
        async def name(connection: NodeConnection) -> None:
            connection.node = node.name

        return self._pool(node.name, node.dsn, name)

    def _pool(self, name: str, dsn: str, configure: Any) -> Pool:
        return AsyncConnectionPool(
            dsn,
            connection_class=NodeConnection,
            name=name,
            min_size=self._settings.pool_size,
            max_size=self._settings.pool_size,
            timeout=self._settings.pool_wait_s,
            max_lifetime=24 * 3600.0,
            reconnect_timeout=5.0,
            kwargs={"autocommit": True, "application_name": self._settings.name},
            configure=configure,
            open=False,
        )


def _figures(pool: Pool) -> PoolFigures:
    stats = pool.get_stats()
    open_now = stats.get("pool_size", 0)
    return PoolFigures(
        size=stats.get("pool_max", 0),
        open=open_now,
        in_use=max(0, open_now - stats.get("pool_available", 0)),
        waiting=stats.get("requests_waiting", 0),
        wait_s=stats.get("requests_wait_ms", 0) / 1000,
        timeouts=stats.get("requests_errors", 0),
    )
