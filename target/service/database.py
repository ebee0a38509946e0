"""PostgreSQL: writes to the primary, reads in turn from the replicas that are near enough, else from the primary."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from target.faults.contract import ForbidsFallback, PicksReplica
from target.faults.switchboard import Switchboard
from target.service import tracing
from target.service.database_node import DatabaseNode
from target.service.database_pools import Pool, Pools, Row
from target.service.node_monitor import NodeMonitor
from target.service.settings import ServiceSettings, node_addresses
from target.service.unavailable import Unavailable, within

Values = Sequence[object] | Mapping[str, object]

REPLICA_WITHIN_S = 0.5
"""To wait for a connection, and then for the answer. Short: the primary has the answer too."""


class PoolRetired(Unavailable):
    """The pool was closed before it gave a connection: another may be there."""


@dataclass(frozen=True)
class QueryTimeouts:
    """How long to wait for a connection of the pool, and then for the server's answer."""

    wait_s: float
    answer_s: float


@dataclass(frozen=True)
class Answer:
    """Rows, and which server they are from."""

    rows: Sequence[Row]
    node: str
    role: str
    """`primary` or `replica`."""
    lag_s: float | None
    """How far the replica was behind when it was last asked; 0 for the primary."""

    @property
    def row(self) -> Row | None:
        return self.rows[0] if self.rows else None


@dataclass(frozen=True)
class Profile:
    """What /auth/me shows of a user, and which server it was read from."""

    user_id: int
    username: str
    display_name: str
    created_at: str
    read_from: str


class Database:
    """The connection manager. Connections are autocommit: one round trip a query, nothing left open while hashing."""

    def __init__(self, settings: ServiceSettings, faults: Switchboard) -> None:
        self._faults, self._tracing = faults, tracing.of(settings)
        self._max_lag_s = settings.replica_max_lag_s
        self._primary_timeouts = QueryTimeouts(settings.pool_wait_s, settings.query_timeout_s)
        self._replica_timeouts = QueryTimeouts(REPLICA_WITHIN_S, REPLICA_WITHIN_S)
        addresses = node_addresses(settings.database_nodes)
        addresses = addresses or [("primary", settings.primary_dsn), ("replica", settings.replica_dsn)]
        nodes = [DatabaseNode(name, dsn, settings.name) for name, dsn in addresses]
        self.monitor = NodeMonitor(nodes, settings.nodes_check_s, self._nodes_asked)
        self.pools = Pools(settings)
        self._turn = 0
        self.reads = {node.name: 0 for node in nodes}
        """Answered reads by node."""
        self.fallbacks = 0
        """Reads that the primary answered, because no replica could."""

    @property
    def primary(self) -> Pool:
        """The pool of the primary as of now: a failover brings another."""
        return self.pools.primary

    async def open(self) -> None:
        """Start connecting; returns at once, so that liveness never depends on PostgreSQL."""
        await self.pools.open()
        self.monitor.open()

    async def close(self) -> None:
        """Give every connection back to the servers."""
        await self.monitor.close()
        await self.pools.close()

    def _nodes_asked(self) -> None:
        self.pools.follow(self.monitor.nodes, self.monitor.primary())

    def readable(self) -> list[DatabaseNode]:
        """The replicas that may be read from."""
        return [
            node
            for node in self.monitor.nodes
            if node.role == "replica" and (node.lag_s is None or node.lag_s <= self._max_lag_s)
        ]

    async def password_hash(self, username: str) -> str | None:
        """That of a user, from the primary; raises Unavailable."""
        row = await self.from_primary("SELECT password_hash FROM users WHERE username = %s", username)
        return None if row is None else str(row[0])

    async def profile(self, username: str) -> Profile | None:
        """The user's row from a replica; from the primary when none can be read, or has it not yet."""
        query: LiteralString = "SELECT id, username, display_name, created_at FROM users WHERE username = %s"
        found = await self.read(query, username)
        if found.row is None and found.role == "replica":
            found = await self.write(query, username)
        return None if found.row is None else _profile(found.row, found.role)

    async def from_primary(self, query: LiteralString, *values: object) -> Row | None:
        """The query's first row; raises Unavailable."""
        return (await self.write(query, *values)).row

    async def from_primary_named(self, query: LiteralString, values: Mapping[str, object]) -> Row | None:
        """The same for a query with named values."""
        return (await self._on_primary(query, values)).row

    async def from_replica(self, query: LiteralString, *values: object) -> Row | None:
        """The same from a replica, however far it is behind; which is given less time."""
        nodes = self._in_turn([node for node in self.monitor.nodes if node.role == "replica"])
        if not nodes:
            raise Unavailable("postgres_replica", "no replica is reachable")
        return (await self._on_replica(nodes[0], query, values)).row

    async def write(self, query: LiteralString, *values: object) -> Answer:
        """On the primary; committed when it returns. Raises Unavailable, after which nobody knows."""
        return await self._on_primary(query, values)

    async def execute(self, statements: LiteralString) -> None:
        """Statements without values, on the primary; raises Unavailable."""
        await self._on_primary(statements, ())

    async def read(self, query: LiteralString, *values: object) -> Answer:
        """From the replica whose turn it is, from another when that fails, from the primary when none can."""
        fault, began_s = self._faults.active, time.monotonic()
        forbidden = isinstance(fault, ForbidsFallback)
        for node in self._in_turn(self.readable())[:2]:
            try:
                return await self._on_replica(node, query, values)
            except Unavailable:
                node.read_failed()
            if time.monotonic() - began_s > REPLICA_WITHIN_S and not forbidden:
                break  # one that is frozen has cost enough: the next may be, too
        if isinstance(fault, ForbidsFallback):
            fault.refused_fallback()
            raise Unavailable("postgres_replica", "no replica is reachable")
        answer = await self._on_primary(query, values)
        self.fallbacks += 1
        self.reads[answer.node] = self.reads.get(answer.node, 0) + 1
        return answer

    def _in_turn(self, nodes: Sequence[DatabaseNode]) -> list[DatabaseNode]:
        if not nodes:
            return []
        self._turn += 1
        first = self._turn % len(nodes)
        order = [*nodes[first:], *nodes[:first]]
        fault = self._faults.active
        if isinstance(fault, PicksReplica):
            picked = fault.pick(order[0].name, [node.name for node in nodes])
            order.sort(key=lambda node: node.name != picked)
        return order

    async def _on_replica(self, node: DatabaseNode, query: LiteralString, values: Values) -> Answer:
        pool = self.pools.of(node.name)
        if pool is None:
            raise Unavailable("postgres_replica", "not connected yet")
        rows, name = await self._rows(self._replica_timeouts, pool, "postgres_replica", query, values)
        self.reads[name] += 1
        return Answer(rows, name, "replica", node.lag_s)

    async def _on_primary(self, query: LiteralString, values: Values) -> Answer:
        pool = self.primary
        try:
            rows, node = await self._rows(self._primary_timeouts, pool, "postgres_primary", query, values)
        except PoolRetired:
            if self.primary is pool:
                raise
            return await self._on_primary(query, values)  # nothing was asked of the old one
        except psycopg.errors.ReadOnlySqlTransaction as error:
            self.pools.renew_primary()  # it was the primary when we connected
            raise Unavailable("postgres_primary", "it is a replica now") from error
        return Answer(rows, node, "primary", 0.0)

    async def _rows(
        self, timeouts: QueryTimeouts, pool: Pool, dependency: str, query: LiteralString, values: Values
    ) -> tuple[Sequence[Row], str]:
        async def fetch() -> tuple[Sequence[Row], str]:
            async with pool.connection(timeout=timeouts.wait_s) as connection:
                cursor = await connection.execute(query, values, prepare=True)
                return (await cursor.fetchall() if cursor.description else []), self.pools.name_of(connection)

        try:
            with self._tracing.query(pool.name, query):
                return await within(timeouts.wait_s + timeouts.answer_s, fetch(), dependency)
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.UniqueViolation):
            raise  # the caller knows what it means
        except PoolClosed as error:
            raise PoolRetired(dependency, "its pool was closed") from error
        except PoolTimeout as error:
            reason = f"no connection of the pool was free within {timeouts.wait_s:g} s"
            raise Unavailable(dependency, reason) from error
        except psycopg.OperationalError as error:
            self.pools.check(pool)  # whatever ended this connection may have ended others
            raise Unavailable(dependency, f"query failed ({type(error).__name__})") from error
        except psycopg.Error as error:
            raise Unavailable(dependency, f"query failed ({type(error).__name__})") from error


def _profile(row: Row, read_from: str) -> Profile:
    return Profile(
        user_id=row[0], username=row[1], display_name=row[2], created_at=row[3].isoformat(), read_from=read_from
    )
