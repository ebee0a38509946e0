"""Takes a backup while the service goes on."""

from __future__ import annotations

import hashlib
import math
import shutil
import time
from pathlib import Path

from target.backup import tools
from target.backup.catalogue import DUMP, INCREMENTAL, Backup, Catalogue, Table
from target.backup.tables import tables_of
from target.errors import UsageError

DUMP_FILE = "database.dump"
DATA = "data"
MANIFEST = "backup_manifest"


def take(catalogue: Catalogue, kind: str, dsn: str, old_snapshot_s: float = 0.0) -> Backup:
    """A backup of the database at ``dsn``, a superuser's address. Raises TargetError, and leaves nothing, when it
    fails.

    ``old_snapshot_s`` is a defect on purpose: the snapshot of a dump is taken, and only so much later is the backup
    said to begin. Everything written to the ledger in between is missing from it, and counted.
    """
    parent = _parent(catalogue) if kind == INCREMENTAL else None
    place = catalogue.new(kind)
    try:
        if kind == DUMP:
            backup = _dump(place, dsn, old_snapshot_s)
        else:
            begun_at = time.time()
            onto = [] if parent is None else ["-i", str(catalogue.place(parent) / DATA / MANIFEST)]
            data = place / DATA
            tools.run(
                *("pg_basebackup", "-D", str(data), "-X", "stream", "-c", "fast", "--no-sync"),
                *("--manifest-checksums=SHA256", *onto),
                dsn=dsn,
            )
            name = None if parent is None else parent.name
            backup = Backup(place.name, kind, begun_at, time.time(), _size(place), name)
        catalogue.write(backup)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return backup


def _parent(catalogue: Catalogue) -> Backup:
    """The newest one with a manifest."""
    for backup in reversed(catalogue.all()):
        if backup.kind != DUMP:
            return backup
    raise UsageError("there is no physical backup to build on", "take one with --kind physical first")


def _dump(place: Path, dsn: str, old_snapshot_s: float) -> Backup:
    """pg_dump and the checksums of all tables, in one snapshot."""
    file = place / DUMP_FILE
    begun_at = time.time()
    with tools.connect(dsn) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None  # a function call gives one row
        missing = 0
        if old_snapshot_s:
            before = _ledger_rows(dsn, str(row[0]))
            time.sleep(old_snapshot_s)
            begun_at = time.time()
            missing = _ledger_rows(dsn, until=begun_at) - before
        tools.run("pg_dump", "-Fc", "-Z", "gzip:6", f"--snapshot={row[0]}", "-f", str(file), dsn=dsn)
        tables: dict[str, Table] = tables_of(connection)
    ended_at = time.time()
    return Backup(
        place.name,
        DUMP,
        begun_at,
        ended_at,
        file.stat().st_size,
        sha256=checksum(file),
        tables=tables,
        missing_rows=missing,
    )


def _ledger_rows(dsn: str, snapshot: str = "", until: float = math.inf) -> int:
    """How many there are, in a snapshot, and written until a time in Unix seconds."""
    with tools.connect(dsn) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot:
            connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")  # PostgreSQL's own word
        row = connection.execute(
            "SELECT count(*) FROM ledger WHERE written_at <= to_timestamp(%s)", (until,)
        ).fetchone()
        assert row is not None  # an aggregate gives one row
        return int(str(row[0]))


def checksum(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _size(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
