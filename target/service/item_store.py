"""Items in PostgreSQL: every version is kept, the one written last is the item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from target.service.database import Database
from target.service.database_pools import Row

NEWEST: LiteralString = "SELECT version, value FROM item_versions WHERE key = %s ORDER BY seq DESC LIMIT 1"

# The snapshot is that of the beginning; the sleep makes the load cost something.
LOAD: LiteralString = (
    "SELECT version, value FROM (SELECT pg_sleep(%s)) AS work LEFT JOIN LATERAL"
    " (SELECT version, value FROM item_versions WHERE key = %s ORDER BY seq DESC LIMIT 1) AS newest ON true"
)

WRITE: LiteralString = (
    "INSERT INTO item_versions (key, version, value) VALUES (%s, %s, %s)"
    " ON CONFLICT (key, version) DO NOTHING RETURNING seq"
)

AS_OF: LiteralString = """
WITH past AS (
    SELECT seq, version, value FROM item_versions
    WHERE key = %(key)s AND written_at <= statement_timestamp() - make_interval(secs => %(behind_s)s)
    ORDER BY seq DESC LIMIT 1
), newest AS (
    SELECT version FROM item_versions WHERE key = %(key)s ORDER BY seq DESC LIMIT 1
)
SELECT past.version, past.value, newest.version, coalesce((
    SELECT 1000 * extract(epoch FROM statement_timestamp() - min(later.written_at))::float8
    FROM item_versions AS later WHERE later.key = %(key)s AND later.seq > coalesce(past.seq, 0)
), 0)
FROM newest LEFT JOIN past ON true
"""


@dataclass(frozen=True)
class Item:
    """One version of one item."""

    version: int
    value: str


@dataclass(frozen=True)
class PastItem:
    """What a reader in the past saw (None: no such item yet), and how long the newest had been different."""

    item: Item | None
    newest_version: int
    age_ms: float


class ItemStore:
    """All methods raise Unavailable."""

    def __init__(self, database: Database, load_ms: float) -> None:
        self._database = database
        self._load_s = load_ms / 1000

    async def load(self, key: str) -> Item | None:
        """From the primary after a miss; takes `load_ms` on the server."""
        return _item(await self._database.from_primary(LOAD, self._load_s, key))

    async def newest(self, key: str) -> Item | None:
        """From the primary, at once."""
        return _item(await self._database.from_primary(NEWEST, key))

    async def from_replica(self, key: str) -> Item | None:
        """From the replica, which may not have the newest yet."""
        return _item(await self._database.from_replica(NEWEST, key))

    async def as_of(self, key: str, behind_ms: float) -> PastItem | None:
        """What a replica exactly `behind_ms` behind would answer, in one snapshot with the newest."""
        row = await self._database.from_primary_named(AS_OF, {"key": key, "behind_s": behind_ms / 1000})
        return None if row is None else PastItem(_item(row[:2]), row[2], row[3])

    async def write(self, key: str, version: int, value: str) -> bool:
        """Store a version; False when this version was stored before."""
        return await self._database.from_primary(WRITE, key, version, value) is not None


def _item(row: Row | None) -> Item | None:
    return None if row is None or row[0] is None else Item(row[0], row[1])
