"""Every table of a database with the number of its rows and a checksum of them, as one snapshot sees them."""

from __future__ import annotations

import psycopg
from psycopg import sql

from target.backup.catalogue import Table

NAMES = """
SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND relkind = 'r' ORDER BY relname
"""

ROWS = "SELECT count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text FROM {} AS row"
"""A sum does not depend on the order of the rows, and counts a row that is there twice as two."""


def tables_of(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, Table]:
    """In the transaction that the connection is in."""
    names = [str(row[0]) for row in connection.execute(NAMES).fetchall()]
    found = {}
    for name in names:
        row = connection.execute(sql.SQL(ROWS).format(sql.Identifier(name))).fetchone()
        assert row is not None  # an aggregate gives one row
        found[name] = Table(int(str(row[0])), str(row[1]))
    return found


def differences(expected: dict[str, Table], found: dict[str, Table]) -> list[str]:
    """In words, one a table."""
    said = []
    for name in sorted({*expected, *found}):
        one, other = expected.get(name), found.get(name)
        if one is None or other is None:
            said.append(f"{name} is {'missing' if other is None else 'new'}")
        elif one != other:
            how = "other rows" if one.rows == other.rows else f"{other.rows} rows"
            said.append(f"{name} has {how} in place of {one.rows}")
    return said
