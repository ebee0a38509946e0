"""One PostgreSQL server: asked over a connection of its own what it is and how far it has come."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import LiteralString

import psycopg

ABANDONED_AFTER_S = 5.0
"""A question that got no answer for so long is asked again on a new connection."""
NO_TURN_S = 0.1
"""Woken so much too late, this process had no turn on its machine, and knows nothing of the server."""

WHAT_ARE_YOU: LiteralString = """
SELECT pg_is_in_recovery(),
    (CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_insert_lsn() END
        - '0/0'::pg_lsn)::bigint,
    host(inet_server_addr()), inet_server_port(), pg_postmaster_start_time()::text,
    CASE WHEN NOT pg_is_in_recovery() THEN
        ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END
"""


@dataclass(frozen=True)
class NodeAnswer:
    """What a node said of itself."""

    in_recovery: bool
    lsn: int
    """Bytes of write-ahead log that are inserted (a primary) or replayed (a replica)."""
    address: tuple[str, int]
    """The server's own end of the connection, which tells through a proxy which node it is."""
    started: str
    """When its postmaster started: another one has none of the old connections."""
    timeline: int | None
    """Of a primary: each promotion begins a new one."""


class DatabaseNode:
    """Role, reachability and lag of one server, as of the last question."""

    def __init__(self, name: str, dsn: str, application_name: str) -> None:
        self.name, self.dsn = name, dsn
        self.reachable = False
        self.answer: NodeAnswer | None = None
        self.lag_s: float | None = None
        """None: not a replica, or no primary has been seen to compare it with."""
        self.answered_at_s: float | None = None
        self.reason: str | None = "not asked yet"
        self._application_name = application_name
        self._connection: psycopg.AsyncConnection[tuple[bool, int, str, int, str, int | None]] | None = None
        self._question: asyncio.Task[NodeAnswer] | None = None
        self._asked_at_s = 0.0

    @property
    def role(self) -> str:
        """`primary`, `replica`, or `unknown` while it is not reachable."""
        if not self.reachable or self.answer is None:
            return "unknown"
        return "replica" if self.answer.in_recovery else "primary"

    async def ask(self, limit_s: float) -> None:
        """Update what is known; never raises, and never takes longer than `limit_s` of the time that this process has.

        A question that takes longer is left running, and the node is not reachable until it is answered: to cancel
        it would wait for the server, which may be frozen.
        """
        now_s = time.monotonic()
        if self._question is None or self._question.done() or now_s - self._asked_at_s > ABANDONED_AFTER_S:
            if self._question is not None and not self._question.done():
                self._question.add_done_callback(_heed_no_more)
                self._connection = None
            self._question, self._asked_at_s = asyncio.create_task(self._query()), now_s
        question = self._question
        # One that was late before is looked at, and not waited for again.
        patience_s = max(0.0, self._asked_at_s + limit_s - now_s)
        await asyncio.wait({question}, timeout=patience_s)
        if not question.done() and time.monotonic() > now_s + patience_s + NO_TURN_S:
            await asyncio.wait({question}, timeout=limit_s)  # what has come meanwhile is still to be read
        if not question.done():
            self.reachable, self.reason = False, f"no answer within {limit_s:g} s"
            return
        error = question.exception()
        if error is not None:
            self.reachable, self.reason = False, type(error).__name__  # its text may hold an address with a password
            return
        self.answer = question.result()
        self.reachable, self.reason, self.answered_at_s = True, None, time.monotonic()

    def read_failed(self) -> None:
        """A read went wrong: not reachable until it answers again."""
        self.reachable, self.reason = False, "a read failed"

    async def _query(self) -> NodeAnswer:
        connection = self._connection
        if connection is None:
            connection = await psycopg.AsyncConnection.connect(
                self.dsn, autocommit=True, application_name=self._application_name, connect_timeout=5
            )
            self._connection = connection
        try:
            row = await (await connection.execute(WHAT_ARE_YOU)).fetchone()
        except BaseException:
            if self._connection is connection:
                self._connection = None
            await connection.close()
            raise
        assert row is not None  # a query without FROM gives one row
        return NodeAnswer(row[0], row[1], (row[2], row[3]), row[4], row[5])

    async def close(self) -> None:
        """Close its connection; a question under way ends with it."""
        if self._question is not None and not self._question.done():
            self._question.add_done_callback(_heed_no_more)
        if self._connection is not None:
            await self._connection.close()


def _heed_no_more(question: asyncio.Task[NodeAnswer]) -> None:
    if not question.cancelled():
        question.exception()
