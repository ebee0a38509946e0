"""The ledger in PostgreSQL: each entry once, however often it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from target.service.database import Answer, Database
from target.service.request_body import IdempotencyKey
from target.service.unavailable import Unavailable

# The key and the entry are committed together or not at all. A second request with the key waits for the first.
ADD: LiteralString = """
WITH claimed AS (
    INSERT INTO idempotency_keys (key, fingerprint) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING key
)
INSERT INTO ledger (id, client, value) SELECT %s, %s, %s FROM claimed RETURNING seq
"""

ADD_AGAIN: LiteralString = "INSERT INTO ledger (id, client, value) VALUES (%s, %s, %s) RETURNING seq"

BEFORE: LiteralString = """
SELECT fingerprint, (SELECT min(seq) FROM ledger WHERE id = %s) FROM idempotency_keys WHERE key = %s
"""

FIND: LiteralString = """
SELECT min(seq), count(*), (array_agg(client ORDER BY seq))[1], (array_agg(value ORDER BY seq))[1],
    min(written_at) FROM ledger WHERE id = %s
"""

LIST: LiteralString = "SELECT seq, id FROM ledger WHERE client = %s AND seq > %s ORDER BY seq LIMIT %s"


@dataclass(frozen=True)
class Entry:
    """What a client wants to be sure of."""

    id: str
    client: str
    value: str


@dataclass(frozen=True)
class Added:
    """The outcome of a write."""

    seq: int | None
    """None: the key was used for another request."""
    replayed: bool
    """It was written before, and was not written again."""
    answer: Answer


class LedgerStore:
    """All methods raise Unavailable; after one of `add` nobody knows, and the same again is safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: Entry, key: IdempotencyKey) -> Added:
        """Written and committed when it returns."""
        name = f"ledger:{key.key}"
        answer = await self._database.write(ADD, name, key.fingerprint, entry.id, entry.client, entry.value)
        if answer.row is not None:
            return Added(answer.row[0], False, answer)
        before = await self._database.write(BEFORE, entry.id, name)
        if before.row is None:  # the one that held the key was rolled back between the two
            raise Unavailable("postgres_primary", "the write under the same key failed")
        return Added(before.row[1] if before.row[0] == key.fingerprint else None, True, before)

    async def add_again(self, entry: Entry) -> Answer:
        """Once more, whatever the key says."""
        return await self._database.write(ADD_AGAIN, entry.id, entry.client, entry.value)

    async def find(self, entry_id: str, primary: bool) -> Answer:
        """One row: the first seq (None: no such entry), how many there are, client, value, time."""
        ask = self._database.write if primary else self._database.read
        return await ask(FIND, entry_id)

    async def listed(self, client: str, after: int, limit: int, primary: bool) -> Answer:
        """Rows of seq and id, in order, beyond `after`."""
        ask = self._database.write if primary else self._database.read
        return await ask(LIST, client, after, limit)
