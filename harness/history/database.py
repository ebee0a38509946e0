"""The file of the history: ``history.sqlite`` in the runs directory.

It is an index and nothing else: whatever is in it comes from the recordings and verdicts beside it, and what they do
not say any more is dropped. So one that is damaged, or of another version, is made anew. Several processes may write:
SQLite's write-ahead log takes one writer at a time and lets others wait. Where nothing can be written, the index is in
memory, and the same for whoever reads it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.findings import Outcome
from harness.history.stored_run import HistoryRun, paths, read_run
from harness.recording.file import FILE_NAME
from harness.runs import VERDICT
from reports import verdict_json

DATABASE = "history.sqlite"
BESIDE = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
PATIENCE_S = 30.0
"""For another process that writes."""

VERSION = 4
"""Of the schema, SQLite's ``user_version``. A file of an earlier one is emptied: all that is in it can be read anew."""
SCHEMA = """
    CREATE TABLE run (
        path TEXT PRIMARY KEY, stamp TEXT NOT NULL, scenario TEXT NOT NULL, started_utc TEXT NOT NULL,
        branch TEXT NOT NULL, revision TEXT NOT NULL, tags TEXT NOT NULL, outcome TEXT, reason TEXT NOT NULL,
        target TEXT NOT NULL, completed INTEGER NOT NULL, plan TEXT NOT NULL, findings TEXT NOT NULL
    ) WITHOUT ROWID
"""


class OtherVersionError(Exception):
    """The file has a schema that this version does not know."""


class History:
    """All runs of a runs directory, as they are now. ``notes`` says what was wrong with the file."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self.notes: list[str] = []
        self._connection = self._opened()
        self.refresh()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def refresh(self, anew: bool = False) -> None:
        """Brings the index up to date: runs that are new or were judged again are read, those that are gone dropped.
        With ``anew`` all are read.
        """
        try:
            self._refresh(anew)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            if _is_damage(error):
                self._replace(str(error))
                self._connection = self._opened()
            else:  # locked for too long, a disk that is full or may not be written
                self.notes.append(f"{self.runs_dir / DATABASE} cannot be written ({error}); nothing of it is lost")
                self._connection = _connected(":memory:")
            self._refresh(anew)

    def runs(self) -> list[HistoryRun]:
        """The oldest first."""
        try:
            return self._runs()
        except (ValueError, TypeError, LookupError):  # somebody has written into it
            self.notes.append(f"{self.runs_dir / DATABASE} had rows that are none of ours; the runs were read anew")
            self.refresh(anew=True)
            return self._runs()

    def _runs(self) -> list[HistoryRun]:
        rows = self._connection.execute(
            "SELECT path, tags, outcome, completed, plan, findings, scenario, started_utc, branch, revision, reason, "
            "target FROM run ORDER BY started_utc, path"
        )
        return [_run(*row) for row in rows]

    def _opened(self) -> sqlite3.Connection:
        file = self.runs_dir / DATABASE
        if not file.exists() and not paths(self.runs_dir):
            return _connected(":memory:")  # nothing is left in a directory without runs, which may be no runs directory
        try:
            return _connected(str(file))
        except OtherVersionError as error:
            self.notes.append(f"{file} {error}; the runs were read anew, and it was left as it is")
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                self._replace(str(error))
                with contextlib.suppress(sqlite3.DatabaseError):
                    return _connected(str(file))
            self.notes.append(f"{file} cannot be used ({error}); the runs were read anew, and nothing of them is lost")
        return _connected(":memory:")

    def _replace(self, why: str) -> None:
        """Takes the damaged file away, unless another process has done so in the meantime."""
        file = self.runs_dir / DATABASE
        with alone(self.runs_dir):
            try:
                _connected(str(file)).close()
            except (sqlite3.DatabaseError, OtherVersionError):
                for name in BESIDE:
                    with contextlib.suppress(OSError):
                        (self.runs_dir / name).unlink()
                self.notes.append(f"{file} was damaged ({why}) and was made anew from the recordings; nothing is lost")

    def _refresh(self, anew: bool) -> None:
        there = {path: _stamp(self.runs_dir / path) for path in paths(self.runs_dir)}
        known = dict(self._connection.execute("SELECT path, stamp FROM run"))
        if there == known and not anew:
            return
        changed = [path for path, stamp in there.items() if anew or known.get(path) != stamp]
        read = {path: run for path in changed if (run := read_run(self.runs_dir, path)) is not None}
        with _transaction(self._connection):
            for path in (*(known.keys() - there.keys()), *changed):
                self._connection.execute("DELETE FROM run WHERE path = ?", (path,))
            for path, run in read.items():
                self._insert(run, there[path])

    def _insert(self, run: HistoryRun, stamp: str) -> None:
        findings = json.dumps([verdict_json.finding(each) for each in run.findings])
        row = (
            *(run.path, stamp, run.scenario, run.started_utc, run.branch, run.commit, json.dumps(run.tags)),
            *(None if run.outcome is None else run.outcome.value, run.reason, run.target, run.completed),
            *(json.dumps(dict(run.plan)), findings),
        )
        self._connection.execute(f"INSERT INTO run VALUES ({', '.join('?' * len(row))})", tuple(map(_storable, row)))


def _connected(file: str) -> sqlite3.Connection:
    """Raises sqlite3.DatabaseError, and OtherVersionError."""
    # SQLite itself does not wait for the lock that it takes to begin its write-ahead log.
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return _connected_at_once(file)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until_s:
                raise
            time.sleep(random.uniform(0.01, 0.05))


def _connected_at_once(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=PATIENCE_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _set_up(connection)
        if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("database disk image is malformed")
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version > VERSION:
        raise OtherVersionError(f"has schema {version}, this version knows {VERSION}")
    if version == VERSION:
        return
    with _transaction(connection):
        if (version := _version(connection)) < VERSION:  # no other process has been quicker
            for table in ("finding", "run") if version else ():
                connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(SCHEMA)
            connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; other writers wait from its beginning on."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """One process at a time; the lock is on the directory itself, so that it leaves no file. Not to be taken twice."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Other than a lock, a full disk or a folder that cannot be written."""
    return not isinstance(error, sqlite3.OperationalError) or "no such" in str(error) or "already exists" in str(error)


def _stamp(directory: Path) -> str:
    """It changes when the run is judged again, or goes on."""
    found = []
    for name in (FILE_NAME, VERDICT):
        try:
            status = (directory / name).stat()
            found.append(f"{status.st_size} {status.st_mtime_ns}")
        except OSError:
            found.append("")
    return ", ".join(found)


def _storable(value: object) -> object:
    """Half of a pair is no character, and SQLite takes none."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _run(
    path: str, tags: str, outcome: str | None, completed: int, plan: str, findings: str, *texts: str
) -> HistoryRun:
    scenario, started_utc, branch, commit, reason, target = texts
    return HistoryRun(
        *(path, scenario, started_utc, branch, commit, tuple(json.loads(tags))),
        *(None if outcome is None else Outcome(outcome), reason, target, bool(completed), json.loads(plan)),
        tuple(map(verdict_json.finding_of, json.loads(findings))),
    )
