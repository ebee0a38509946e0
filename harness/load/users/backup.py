"""Users of a ledger, one of whom has the database backed up meanwhile, by a command that an option names.

The command is called with ``take --in DIR --kind KIND`` (dump, physical, incremental), ``verify NAME --in DIR``, ``list
--in DIR``, ``prune --keep N --in DIR`` and ``restore NAME --in DIR``. Each prints one line of JSON and ends with 0 when
it has done what it should: ``take`` with ``name`` and ``bytes``, ``list`` an array of these, ``restore`` with ``dsn``,
the address of a PostgreSQL with what was in the backup, which it keeps until its standard input ends. ``verify`` ends
with 0 for a backup that was kept and is whole, and with another code for a damaged one. Where ``take`` tells when it
has begun, as ``begun_at`` in Unix seconds of this machine, whatever was acknowledged by then has to be in it; else by
when it was called.
"""

from __future__ import annotations

import json
import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import psycopg2
from gevent import subprocess

from harness.load.users.ledger import VALUE, LedgerOptions, LedgerUser
from harness.load.users.measured import WrongAnswerError
from harness.plugins import parameter
from harness.recording import READ, STEP

LONGEST_STEP_S = 120.0
LONGEST_REASON = 100


class BackupOptions(LedgerOptions):
    """Options of a scenario with such users."""

    backup_command: str = parameter("", "command that takes, verifies, lists, prunes and restores backups", secret=True)
    restored_query: str = parameter(
        "SELECT id, count(*), min(value) FROM ledger WHERE client = %s GROUP BY id",
        "query of the rows of a run in a restored database: id, how many, and, to be compared, the value",
    )


class BackupUser(LedgerUser):
    """A user of the ledger, with :class:`BackupOptions`; one of them calls ``work_through`` in place of a turn."""

    abstract = True
    backup_command = ""
    """What the option does not name."""

    def work_through(self, *, phase: str) -> None:
        """From the beginning of a phase on: one backup after the other, verified, restored and let go, each step once,
        kept as an operation and counted as a request. A step that fails does not keep those from being tried that do
        not need it.
        """
        plan = self.node.plan
        begin = None if plan is None else plan.phase_start_s(phase)
        if begin is None:
            return
        gevent.sleep(max(0.0, self.node.instant_s(begin) - time.monotonic()))
        with tempfile.TemporaryDirectory(prefix="springback-backups-") as directory:
            self._in = ("--in", directory)
            dump = self._take("dump")
            self._step("verify the dump", lambda: self._told("verify", dump))
            self._take("physical")
            incremental = self._take("incremental")
            self._restore("dump", dump)
            self._restore("incremental", incremental)
            newest = self._take("dump", "take a second dump")
            self._step("keep the last verified", lambda: self._pruned({dump, newest}))
            self._step("find damage", lambda: self._damaged(Path(directory) / newest))

    def _take(self, kind: str, step: str = "") -> str:
        """Its name; empty where it failed."""
        found = self._step(step or f"take {kind}", lambda: self._told("take", "--kind", kind))
        return str(found.get("name", "")) if isinstance(found, dict) else ""

    def _restore(self, kind: str, name: str) -> None:
        """On a server of its own, from which the rows of this run are read."""
        with self._restored(name) as ready:
            found = self._step(f"restore {kind}", ready)
            if isinstance(found, dict) and "dsn" in found:
                self._step(f"read restored {kind}", lambda: self._read(kind, str(found["dsn"])))

    def _read(self, kind: str, dsn: str) -> dict[str, Any]:
        begun_s = time.monotonic()
        connection = psycopg2.connect(dsn, connect_timeout=5)
        try:
            with connection.cursor() as cursor:
                cursor.execute(self.options.restored_query, (self.node.run,))
                rows = cursor.fetchall()
        finally:
            connection.close()
        done_s = time.monotonic()
        for key, copies, *values in rows:
            # Another value is not what was written.
            there = int(copies) if all(value == VALUE for value in values) else 0
            self.operation(READ, str(key), str(self.number), there, begun_s, done_s, f"restored {kind}")
        return {"bytes": len(rows)}

    def _pruned(self, kept: set[str]) -> dict[str, Any]:
        """With one to keep, the newest is kept and the last one that was verified, nothing else; and both are whole."""
        self._told("prune", "--keep", "1")
        left = {str(one["name"]) for one in self._told("list")}
        if left != kept:
            what = (
                "the last verified backup is gone" if kept - left else f"{len(left)} are left in place of {len(kept)}"
            )
            raise WrongAnswerError(what)
        for name in sorted(kept):  # what a list says is there may be gone
            self._told("verify", name)
        return {}

    def _damaged(self, place: Path) -> dict[str, Any]:
        """One byte in the middle of its largest file is changed: to verify it has to fail, and not before."""
        self._told("verify", place.name)
        file = max((path for path in place.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
        with file.open("r+b") as damaged:
            damaged.seek(file.stat().st_size // 2)
            byte = damaged.read(1)
            damaged.seek(-1, 1)
            damaged.write(bytes([byte[0] ^ 0xFF]))
        if self._call("verify", place.name).returncode == 0:
            raise WrongAnswerError("damage was not found")
        return {}

    def _step(self, step: str, does: Callable[[], Any]) -> Any:
        """What it returned; None where it failed: the outcome of the request says why."""
        begun_s = time.monotonic()
        found: Any = None
        with self.measure("backup", step) as request:
            try:
                found = does()
            except WrongAnswerError:
                raise
            except Exception as error:
                raise WrongAnswerError(f"{type(error).__name__}: {error}"[:LONGEST_REASON]) from None
        done_s = time.monotonic() if request.error is None else None
        size = found.get("bytes") if isinstance(found, dict) else None
        reason = "" if request.error is None else str(request.error)[:LONGEST_REASON]
        if done_s is not None and isinstance(found, dict):
            begun_s = _told_s(found.get("begun_at"), begun_s, done_s)
        self.operation(STEP, step, str(self.number), size, begun_s, done_s, "backup", "", reason)
        return found if request.error is None else None

    def _told(self, *words: str) -> Any:
        done = self._call(*words)
        if done.returncode != 0:
            raise WrongAnswerError(_last_line(done.stderr) or f"ended with {done.returncode}")
        return json.loads(done.stdout.splitlines()[-1])

    def _call(self, *words: str) -> subprocess.CompletedProcess[str]:
        if not all(words):
            raise WrongAnswerError("there is no such backup")
        command = [*shlex.split(self.options.backup_command or self.backup_command), *words, *self._in]
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=LONGEST_STEP_S, check=False
        )

    @contextmanager
    def _restored(self, name: str) -> Iterator[Callable[[], Any]]:
        """What waits for the restored server, which ends with the block."""
        process: subprocess.Popen[str] | None = None

        def ready() -> Any:
            nonlocal process
            if not name:
                raise WrongAnswerError("there is no such backup")
            command = [*shlex.split(self.options.backup_command or self.backup_command), "restore", name, *self._in]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            if not line:
                raise WrongAnswerError(_last_line(process.stderr.read()) or "it did not say where it is")
            return json.loads(line)

        try:
            yield ready
        finally:
            if process is not None:
                assert process.stdin is not None
                process.stdin.close()
                try:
                    process.wait(LONGEST_STEP_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def _told_s(begun_at: Any, called_s: float, done_s: float) -> float:
    """The beginning that a backup tells, on the monotonic clock; when it was called, where it tells none between that
    and its end.
    """
    if not isinstance(begun_at, (int, float)):
        return called_s
    told_s = time.monotonic() - (time.time() - begun_at)
    return told_s if called_s <= told_s <= done_s else called_s


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:LONGEST_REASON] if lines else ""
