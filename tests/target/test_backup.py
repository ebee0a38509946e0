"""Backups of the stack's database by the command, against the rows that were written: on real servers."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from target.backup.catalogue import ABOUT, Backup, Catalogue
from target.errors import TargetError, UsageError
from target.loopback_http import ask
from tests.target.stacks import PATIENCE_S, Stack, all_gone, until


def backup(stack: Stack, *words: str, code: int = 0, defect: tuple[str, ...] = ()) -> Any:
    command = [sys.executable, "-m", "target", "backup", "--state", str(stack.state_file), *defect, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code and "Traceback" not in done.stderr, done
    return json.loads(done.stdout) if done.stdout else done.stderr


@contextmanager
def restored(name: str, directory: Path) -> Iterator[dict[str, Any]]:
    """The server is gone, and its files with it, when its input has ended."""
    command = [sys.executable, "-m", "target", "backup", "restore", name, "--in", str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        told = json.loads(process.stdout.readline())
        family = psutil.Process(process.pid).children(recursive=True)
        yield told
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
        until(lambda: all_gone(family), "every process gone")


def write(stack: Stack, *ids: str) -> None:
    for each in ids:
        reply = ask("POST", f"{stack.state.url}/ledger", body={"id": each, "client": "backup", "value": "x"})
        assert reply.status == 201, reply


def rows(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        return {str(row[0]) for row in connection.execute("SELECT id FROM ledger WHERE client = 'backup'").fetchall()}


def test_each_kind_has_what_was_written_before_it_and_no_more(healthy: Stack, tmp_path: Path) -> None:
    where = ("--in", str(tmp_path))
    write(healthy, "a", "b")
    dump = backup(healthy, "take", *where)
    write(healthy, "c")
    physical = backup(healthy, "take", *where, "--kind", "physical")
    write(healthy, "d")
    incremental = backup(healthy, "take", *where, "--kind", "incremental")
    write(healthy, "e")
    assert dump["tables"]["ledger"]["rows"] >= 2 and dump["tables"]["users"]["rows"] == 300
    assert incremental["parent"] == physical["name"] and incremental["bytes"] < physical["bytes"]
    for taken, expected in ((dump, {"a", "b"}), (incremental, {"a", "b", "c", "d"})):
        assert backup(healthy, "verify", taken["name"], *where)["whole"]
        with restored(taken["name"], tmp_path) as told:
            assert rows(told["dsn"]) == expected
            assert told["differences"] == [] and told["tables"]["users"] == 300
    damage_in_the_middle(max((tmp_path / physical["name"] / "data" / "base").rglob("*"), key=_size))
    said = backup(healthy, "verify", physical["name"], *where, code=1)
    assert not said["whole"] and "checksum mismatch" in said["problems"][0]
    assert not backup(healthy, "verify", incremental["name"], *where, code=1)["whole"]  # it builds on that
    damage_in_the_middle(tmp_path / dump["name"] / "database.dump")
    assert "another checksum" in backup(healthy, "verify", dump["name"], *where, code=1)["problems"][0]


def test_an_old_snapshot_lacks_the_rows_that_it_says(healthy: Stack, tmp_path: Path) -> None:
    acknowledged: dict[str, float] = {}
    stopped = threading.Event()

    def go_on_writing() -> None:
        for number in itertools.count():
            if stopped.is_set():
                return
            write(healthy, f"young-{number}")
            acknowledged[f"young-{number}"] = time.time()

    writer = threading.Thread(target=go_on_writing)
    writer.start()
    try:
        stale = backup(healthy, "take", "--in", str(tmp_path), defect=("--old-snapshot-s", "1"))
    finally:
        stopped.set()
        writer.join()
    with restored(stale["name"], tmp_path) as told:
        missing = {row for row, at in acknowledged.items() if at < stale["begun_at"]} - rows(told["dsn"])
    assert len(missing) > 3
    assert stale["missing_rows"] - len(missing) in (0, 1)  # one may be committed, and not yet acknowledged


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def damage_in_the_middle(file: Path) -> None:
    with file.open("r+b") as damaged:
        damaged.seek(file.stat().st_size // 2)
        byte = damaged.read(1)
        damaged.seek(-1, os.SEEK_CUR)
        damaged.write(bytes([byte[0] ^ 0xFF]))


def test_what_cannot_be_done_is_said_in_a_line(healthy: Stack, tmp_path: Path) -> None:
    where = ("--in", str(tmp_path))
    assert "there is no physical backup" in backup(healthy, "take", *where, "--kind", "incremental", code=2)
    assert "there is no backup 'latest'" in backup(healthy, "verify", *where, code=2)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """Five backups: a verified dump, two physical ones with an incremental one, and a dump."""
    found = Catalogue(tmp_path)
    kinds = ("dump", None, 5.0), ("physical", None, None), ("physical", None, None), ("incremental", "2", None)
    for number, (kind, parent, verified) in enumerate((*kinds, ("dump", None, None))):
        (tmp_path / str(number)).mkdir()
        found.write(Backup(str(number), kind, number, number + 0.5, 10, parent, verified_at=verified))
    return found


@pytest.mark.parametrize(
    ("keep", "left"), [(1, ["0", "4"]), (2, ["0", "2", "3", "4"]), (4, ["0", "1", "2", "3", "4"]), (9, list("01234"))]
)
def test_what_is_kept_can_be_restored_and_the_last_verified_one_is_never_let_go(
    catalogue: Catalogue, keep: int, left: list[str]
) -> None:
    removed = catalogue.prune(keep)
    assert [one.name for one in catalogue.all()] == left
    assert sorted(removed + left) == list("01234")


def test_a_backup_without_its_description_is_none_and_a_broken_one_is_named(catalogue: Catalogue) -> None:
    (catalogue.directory / "4" / ABOUT).unlink()
    assert catalogue.find("latest").name == "3"
    with pytest.raises(UsageError, match="there are: 0, 1, 2, 3"):
        catalogue.find("4")
    (catalogue.directory / "1" / ABOUT).write_text("{")
    with pytest.raises(TargetError, match="cannot be read"):
        catalogue.all()
