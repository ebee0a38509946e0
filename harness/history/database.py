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

from harness.findings import Basis, Finding, Outcome
from harness.history.stored_run import HistoryRun, paths, read_run
from harness.recording_file import FILE_NAME
from harness.runs import VERDICT

DATABASE = "history.sqlite"
BESIDE = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
PATIENCE_S = 30.0
"""For another process that writes."""

MIGRATIONS = (
    """
    CREATE TABLE run (
        path TEXT PRIMARY KEY, stamp TEXT NOT NULL, scenario TEXT NOT NULL, started_utc TEXT NOT NULL,
        branch TEXT NOT NULL, revision TEXT NOT NULL, tags TEXT NOT NULL, outcome TEXT, reason TEXT NOT NULL,
        target TEXT NOT NULL, completed INTEGER NOT NULL, plan TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE finding (
        path TEXT NOT NULL REFERENCES run (path) ON DELETE CASCADE, place INTEGER NOT NULL, criterion TEXT NOT NULL,
        kind TEXT NOT NULL, title TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, figure REAL,
        unit TEXT NOT NULL, limit_value REAL, low REAL, high REAL, basis TEXT NOT NULL, confidence REAL,
        censored INTEGER NOT NULL, voided_by TEXT, is_guard INTEGER NOT NULL,
        PRIMARY KEY (path, place)
    ) WITHOUT ROWID;
    """,
    "CREATE INDEX run_by_scenario ON run (scenario, started_utc);",
    "UPDATE run SET stamp = '';",  # plans hold the course of the load and the faults, too: all runs are read anew
)
"""From each version of the schema to the next; its number is SQLite's ``user_version``. One that was released is never
changed: a further one is appended."""


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
            self._refresh()

    def runs(self) -> list[HistoryRun]:
        """The oldest first."""
        try:
            return self._runs()
        except (ValueError, TypeError):  # somebody has written into it
            self.notes.append(f"{self.runs_dir / DATABASE} had rows that are none of ours; the runs were read anew")
            self.refresh(anew=True)
            return self._runs()

    def _runs(self) -> list[HistoryRun]:
        with _transaction(self._connection, "DEFERRED"):
            return self._of_one_instant()

    def _of_one_instant(self) -> list[HistoryRun]:
        findings: dict[str, list[Finding]] = {}
        for path, *row in self._connection.execute(
            "SELECT path, criterion, kind, title, outcome, reason, figure, unit, limit_value, low, high, basis, "
            "confidence, censored, voided_by, is_guard FROM finding ORDER BY path, place"
        ):
            findings.setdefault(path, []).append(_finding(row))
        rows = self._connection.execute(
            "SELECT path, scenario, started_utc, branch, revision, tags, outcome, reason, target, completed, plan "
            "FROM run ORDER BY started_utc, path"
        )
        return [
            HistoryRun(
                path,
                scenario,
                started_utc,
                branch,
                revision,
                tuple(json.loads(tags)),
                None if outcome is None else Outcome(outcome),
                reason,
                target,
                bool(completed),
                json.loads(plan),
                tuple(findings.get(path, ())),
            )
            for path, scenario, started_utc, branch, revision, tags, outcome, reason, target, completed, plan in rows
        ]

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

    def _refresh(self, anew: bool = False) -> None:
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
        outcome = None if run.outcome is None else run.outcome.value
        texts = (run.path, stamp, run.scenario, run.started_utc, run.branch, run.commit, json.dumps(run.tags))
        rest = (outcome, run.reason, run.target, run.completed, json.dumps(dict(run.plan)))
        self._connection.execute(f"INSERT INTO run VALUES ({', '.join('?' * 12)})", tuple(map(_storable, texts + rest)))
        self._connection.executemany(
            f"INSERT INTO finding VALUES ({', '.join('?' * 17)})",
            [tuple(map(_storable, (run.path, place, *_row(each)))) for place, each in enumerate(run.findings)],
        )


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
        _migrate(connection)
        if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("database disk image is malformed")
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise OtherVersionError(f"has schema {version}, this version knows {len(MIGRATIONS)}")
    if version == len(MIGRATIONS):
        return
    with _transaction(connection):
        for number in range(_version(connection), len(MIGRATIONS)):  # another process may have been quicker
            for statement in MIGRATIONS[number].split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """All of it or nothing, and all as of one instant; other writers wait from the beginning of an immediate one on."""
    connection.execute(f"BEGIN {kind}")
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


def _row(finding: Finding) -> tuple[object, ...]:
    low, high = finding.interval or (None, None)
    return (
        finding.criterion,
        finding.kind,
        finding.title,
        finding.outcome.value,
        finding.reason,
        finding.figure,
        finding.unit,
        finding.limit,
        low,
        high,
        finding.basis.value,
        finding.confidence,
        finding.censored,
        finding.voided_by,
        finding.is_guard,
    )


def _finding(row: list[object]) -> Finding:
    criterion, kind, title, outcome, reason, figure, unit, limit, low, high, basis, confidence, *flags = row
    censored, voided_by, is_guard = flags
    return Finding(
        criterion=str(criterion),
        title=str(title),
        outcome=Outcome(outcome),
        reason=str(reason),
        figure=_number(figure),
        unit=str(unit),
        limit=_number(limit),
        interval=None if low is None or high is None else (_number(low) or 0.0, _number(high) or 0.0),
        basis=Basis(basis),
        confidence=_number(confidence),
        kind=str(kind),
        censored=bool(censored),
        voided_by=None if voided_by is None else str(voided_by),
        is_guard=bool(is_guard),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
