"""The tables of the ledger and of the modules. The service makes them itself, on whatever is the primary."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import LiteralString

from target.service.database import Database
from target.service.unavailable import Unavailable

RETRY_S = 0.2

# One statement, so one transaction; the lock keeps processes that start together apart.
TABLES: LiteralString = """
DO $$ BEGIN
PERFORM pg_advisory_xact_lock(7420318);
-- Who wrote what, so that the same request again is answered again and not done again.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key text PRIMARY KEY,
    fingerprint text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- No unique id: a service that doubles a write shall find room for it here.
CREATE TABLE IF NOT EXISTS ledger (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL,
    client text NOT NULL,
    value text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS ledger_id ON ledger (id);
CREATE INDEX IF NOT EXISTS ledger_client ON ledger (client, seq);
CREATE TABLE IF NOT EXISTS modules (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS module_versions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    module_id bigint NOT NULL REFERENCES modules,
    version text NOT NULL,
    checksum text NOT NULL,
    size_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (module_id, version)
);
END $$
"""


class Schema:
    """Made once; until then the service is not ready."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None
        self.made = False

    def open(self) -> None:
        """Start making it, as soon as there is a primary."""
        self._task = asyncio.create_task(self._make())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1.0)

    async def _make(self) -> None:
        while not self.made:
            with suppress(Unavailable):
                await self._database.execute(TABLES)
                self.made = True
                return
            await asyncio.sleep(RETRY_S)
