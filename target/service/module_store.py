"""Modules and their versions in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.errors import UniqueViolation

from target.service.database import Answer, Database
from target.service.database_pools import Row
from target.service.request_body import IdempotencyKey

# The names are unique by themselves. The key, if there is one, is kept with what it made, in one transaction.
CREATE: LiteralString = """
WITH made AS (
    INSERT INTO modules (name, description) VALUES (%s, %s) ON CONFLICT DO NOTHING
    RETURNING name, description, created_at
), kept AS (INSERT INTO idempotency_keys (key, fingerprint) SELECT %s, %s FROM made WHERE %s::bool)
SELECT * FROM made
"""

CREATE_VERSION: LiteralString = """
WITH made AS (
    INSERT INTO module_versions (module_id, version, checksum, size_bytes)
    SELECT id, %s, %s, %s::bigint FROM modules WHERE name = %s ON CONFLICT DO NOTHING
    RETURNING version, checksum, size_bytes, created_at
), kept AS (INSERT INTO idempotency_keys (key, fingerprint) SELECT %s, %s FROM made WHERE %s::bool)
SELECT * FROM made
"""

FINGERPRINT: LiteralString = "SELECT fingerprint FROM idempotency_keys WHERE key = %s"

FIND: LiteralString = """
SELECT name, description, created_at, (SELECT count(*) FROM module_versions WHERE module_id = modules.id),
    (SELECT version FROM module_versions WHERE module_id = modules.id ORDER BY id DESC LIMIT 1)
FROM modules WHERE name = %s
"""

LIST: LiteralString = """
SELECT name, description, created_at, (SELECT count(*) FROM module_versions WHERE module_id = modules.id),
    (SELECT version FROM module_versions WHERE module_id = modules.id ORDER BY id DESC LIMIT 1)
FROM modules WHERE name > %s ORDER BY name LIMIT %s
"""

FIND_VERSION: LiteralString = """
SELECT version, checksum, size_bytes, module_versions.created_at FROM module_versions
JOIN modules ON modules.id = module_id WHERE name = %s AND version = %s
"""

LIST_VERSIONS: LiteralString = """
SELECT version, checksum, size_bytes, created_at, id FROM module_versions
WHERE module_id = (SELECT id FROM modules WHERE name = %s) AND id > %s ORDER BY id LIMIT %s
"""


@dataclass(frozen=True)
class Created:
    """The outcome of a write."""

    document: dict[str, Any] | None
    """None: `problem` says why."""
    problem: str
    """`exists`, `no such module`, or `key used` for another request."""
    replayed: bool
    answer: Answer


class ModuleStore:
    """All methods raise Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, description: str, key: IdempotencyKey) -> Created:
        """A module; the same key again is answered again."""
        kept = (f"modules:{key.key}", key.fingerprint, key.given)
        answer = await self._made(CREATE, (name, description, *kept))
        if answer is None:
            return Created(None, "key used", False, await self.find(name, primary=True))
        if answer.row is not None:
            return Created(_module((*answer.row, 0, None)), "", False, answer)
        found = await self.find(name, primary=True)
        return await self._again(kept[0], key, found, module_document(found))

    async def create_version(
        self, name: str, version: str, checksum: str, size_bytes: int, key: IdempotencyKey
    ) -> Created:
        """A version of a module; the same key again is answered again."""
        kept = (f"versions:{key.key}", key.fingerprint, key.given)
        answer = await self._made(CREATE_VERSION, (version, checksum, size_bytes, name, *kept))
        if answer is None:
            return Created(None, "key used", False, await self.find(name, primary=True))
        if answer.row is not None:
            return Created({"module": name, **_version(answer.row)}, "", False, answer)
        module = await self.find(name, primary=True)
        if module.row is None:
            return Created(None, "no such module", False, module)
        found = await self.find_version(name, version, primary=True)
        return await self._again(kept[0], key, found, version_document(name, found))

    async def _made(self, query: LiteralString, values: tuple[object, ...]) -> Answer | None:
        """None: the key was used for something else."""
        try:
            return await self._database.write(query, *values)
        except UniqueViolation:
            return None

    async def _again(self, kept: str, key: IdempotencyKey, found: Answer, document: dict[str, Any] | None) -> Created:
        """It was there before: by this very request, or by another."""
        before = await self._database.write(FINGERPRINT, kept)
        if before.row is not None and before.row[0] == key.fingerprint and document is not None:
            return Created(document, "", True, found)
        return Created(None, "exists" if before.row is None else "key used", False, found)

    async def find(self, name: str, primary: bool) -> Answer:
        """One row, or none."""
        ask = self._database.write if primary else self._database.read
        return await ask(FIND, name)

    async def listed(self, after: str, limit: int, primary: bool) -> Answer:
        """In the order of their names, beyond `after`."""
        ask = self._database.write if primary else self._database.read
        return await ask(LIST, after, limit)

    async def find_version(self, name: str, version: str, primary: bool) -> Answer:
        """One row, or none."""
        ask = self._database.write if primary else self._database.read
        return await ask(FIND_VERSION, name, version)

    async def listed_versions(self, name: str, after: int, limit: int, primary: bool) -> Answer:
        """In the order of their making; `after` is the last of the page before."""
        ask = self._database.write if primary else self._database.read
        return await ask(LIST_VERSIONS, name, after, limit)


def module_page(answer: Answer, limit: int) -> dict[str, Any]:
    """A page of modules as JSON."""
    found = [_module(row) for row in answer.rows]
    return {"modules": found, "next": found[-1]["name"] if 0 < limit == len(found) else None}


def version_page(name: str, answer: Answer, limit: int) -> dict[str, Any]:
    """A page of versions as JSON."""
    last = answer.rows[-1][4] if 0 < limit == len(answer.rows) else None
    return {"module": name, "versions": [_version(row[:4]) for row in answer.rows], "next": last}


def module_document(answer: Answer) -> dict[str, Any] | None:
    """A module as JSON; None where there is none."""
    return None if answer.row is None else _module(answer.row)


def version_document(name: str, answer: Answer) -> dict[str, Any] | None:
    """A version as JSON; None where there is none."""
    return None if answer.row is None else {"module": name, **_version(answer.row)}


def _module(row: Row) -> dict[str, Any]:
    return {
        "name": row[0],
        "description": row[1],
        "created_at": _text(row[2]),
        "version_count": row[3],
        "latest_version": row[4],
    }


def _version(row: Row) -> dict[str, Any]:
    return {"version": row[0], "checksum": row[1], "size_bytes": row[2], "created_at": _text(row[3])}


def _text(moment: datetime) -> str:
    return moment.isoformat()
