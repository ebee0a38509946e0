"""PostgreSQL: bounded pools to the primary and the replica, and the queries of a login."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from target.service.settings import ServiceSettings
from target.service.unavailable import Unavailable, within

Row = tuple[Any, ...]
Pool = AsyncConnectionPool[psycopg.AsyncConnection[Row]]
Values = Sequence[object] | Mapping[str, object]

REPLICA_RETRY_AFTER_S = 2.0
"""After a failed read the replica is left alone this long, so that not every read pays the wait."""


@dataclass(frozen=True)
class QueryTimeouts:
    """How long to wait for a connection of the pool, and then for the server's answer."""

    wait_s: float
    answer_s: float


@dataclass(frozen=True)
class Account:
    """What login needs of a user."""

    user_id: int
    password_hash: str


@dataclass(frozen=True)
class Profile:
    """What /auth/me shows of a user, and which server it was read from."""

    user_id: int
    username: str
    display_name: str
    created_at: str
    read_from: str


class Database:
    """Both pools. Connections are autocommit: one round trip a query, nothing left open while hashing."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._primary_timeouts = QueryTimeouts(settings.pool_wait_s, settings.query_timeout_s)
        self._replica_timeouts = QueryTimeouts(0.5, 0.5)  # short: the primary has the answer too
        self.primary: Pool = _pool("primary", settings.primary_dsn, settings)
        self.replica: Pool = _pool("replica", settings.replica_dsn, settings)
        self._replica_retry_at_s = 0.0

    async def open(self) -> None:
        """Start connecting; returns at once, so that liveness never depends on PostgreSQL."""
        await self.primary.open(wait=False)
        await self.replica.open(wait=False)

    async def close(self) -> None:
        """Give every connection back to the servers."""
        await self.primary.close(timeout=1.0)
        await self.replica.close(timeout=1.0)

    async def account(self, username: str) -> Account | None:
        """The user's id and hash from the primary; raises Unavailable."""
        row = await self.from_primary("SELECT id, password_hash FROM users WHERE username = %s", username)
        return None if row is None else Account(user_id=row[0], password_hash=row[1])

    async def profile(self, username: str) -> Profile | None:
        """The user's row from the replica; from the primary when the replica is away or lags."""
        query = "SELECT id, username, display_name, created_at FROM users WHERE username = %s"
        if time.monotonic() >= self._replica_retry_at_s:
            try:
                row = await self.from_replica(query, username)
            except Unavailable:
                self._replica_retry_at_s = time.monotonic() + REPLICA_RETRY_AFTER_S
            else:
                if row is not None:
                    return _profile(row, "replica")
        row = await self.from_primary(query, username)
        return None if row is None else _profile(row, "primary")

    async def from_primary(self, query: LiteralString, *values: object) -> Row | None:
        """The query's first row; raises Unavailable."""
        return await _row(self._primary_timeouts, self.primary, query, values)

    async def from_primary_named(self, query: LiteralString, values: Mapping[str, object]) -> Row | None:
        """The same for a query with named values."""
        return await _row(self._primary_timeouts, self.primary, query, values)

    async def from_replica(self, query: LiteralString, *values: object) -> Row | None:
        """The same from the replica, which is given less time."""
        return await _row(self._replica_timeouts, self.replica, query, values)


async def _row(timeouts: QueryTimeouts, pool: Pool, query: LiteralString, values: Values) -> Row | None:
    async def fetch() -> Row | None:
        async with pool.connection(timeout=timeouts.wait_s) as connection:
            cursor = await connection.execute(query, values, prepare=True)
            return await cursor.fetchone()

    dependency = f"postgres_{pool.name}"
    try:
        return await within(timeouts.wait_s + timeouts.answer_s, fetch(), dependency)
    except PoolTimeout as error:
        reason = f"no connection of the pool was free within {timeouts.wait_s:g} s"
        raise Unavailable(dependency, reason) from error
    except psycopg.Error as error:
        raise Unavailable(dependency, f"query failed ({type(error).__name__})") from error


def _pool(name: str, dsn: str, settings: ServiceSettings) -> Pool:
    return AsyncConnectionPool(
        dsn,
        name=name,
        min_size=settings.pool_size,
        max_size=settings.pool_size,
        timeout=settings.pool_wait_s,
        max_lifetime=24 * 3600.0,
        kwargs={"autocommit": True, "application_name": settings.name},
        open=False,
    )


def _profile(row: Row, read_from: str) -> Profile:
    return Profile(
        user_id=row[0],
        username=row[1],
        display_name=row[2],
        created_at=row[3].isoformat(),
        read_from=read_from,
    )
