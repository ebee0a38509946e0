"""Backups as their operator has them made: each step is kept with what it told, and one that fails says why."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.load.node import Node
from harness.load.users import backup
from harness.load.users.backup import BackupUser
from harness.recording import READ, STEP
from shapes._profile import Phase
from tests.load.single_user import single_user

COMMAND = """
import hashlib, json, os, pathlib, sys, time
action, *words = sys.argv[2:]
place = pathlib.Path(words[words.index("--in") + 1])
name = "" if words[0].startswith("--") else words[0]
whole = lambda one: (one / "sum").read_text() == hashlib.sha256((one / "dump").read_bytes()).hexdigest()
there = sorted(one.name for one in place.iterdir())
if action == "take":
    begun_at, made = time.time(), place / str(len(there))
    made.mkdir()
    (made / "dump").write_bytes(b"all of it")
    (made / "sum").write_text(hashlib.sha256(b"all of it").hexdigest())
    print(json.dumps({"name": made.name, "bytes": 9, "begun_at": begun_at + float(os.environ.get("LATE_S", 0))}))
elif action == "verify":
    sys.exit("its checksum is wrong" if sys.argv[1] == "careful" and not whole(place / name) else print("{}"))
elif action == "list":
    print(json.dumps([{"name": one} for one in there]))
elif action == "prune":
    for one in there[1:-1] if sys.argv[1] == "careful" else there[:-1]:
        (place / one).rename(place.parent / f"gone-{time.time_ns()}")
    print("{}")
elif sys.argv[1] == "careful":
    print(json.dumps({"dsn": "postgresql://restored"}), flush=True)
    sys.stdin.read()
else:
    sys.exit("no room")
"""
"""A ``careful`` one verifies the first dump, keeps it, and restores; a ``careless`` one does none of these."""


class _Restored:
    """What psycopg2 would connect to."""

    def __init__(self, dsn: str, **_: object) -> None:
        assert dsn == "postgresql://restored"

    @contextmanager
    def cursor(self) -> Iterator[_Restored]:
        yield self

    def execute(self, _query: str, parameters: tuple[str, ...]) -> None:
        assert parameters == ("run",)

    def fetchall(self) -> list[tuple[str, int]]:
        return [("run-0-0", 1), ("run-0-1", 2)]

    def close(self) -> None:
        pass


def operated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> Node:
    """All steps, by a command that is ``careful`` or not."""
    script = tmp_path / "my-backup"
    script.write_text(COMMAND)
    monkeypatch.setattr(backup, "psycopg2", type("psycopg2", (), {"connect": _Restored}))
    command = f"{sys.executable} -S -E {script} {how}"
    options: dict[str, Any] = {"backup_command": command, "restored_query": "SELECT", "audit_within_s": 15.0}
    user, node = single_user(BackupUser, "http://127.0.0.1:1", **options)
    assert node.plan is not None
    node.plan = dataclasses.replace(node.plan, phases=(Phase("spike", 0, 60),))
    user.work_through(phase="spike")
    return node


def outcomes(node: Node) -> dict[str, str]:
    """Step → what was wrong with it; nothing of one that went well."""
    steps = [one for one in node.operations if one.kind == STEP]
    return {one.key: one.cache if one.return_s is None else "" for one in steps}


STEPS = [
    *("take dump", "verify the dump", "take physical", "take incremental", "restore dump", "read restored dump"),
    *("restore incremental", "read restored incremental", "take a second dump", "keep the last verified"),
    "find damage",
]


def test_every_step_is_made_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = operated(tmp_path, monkeypatch, "careful")
    assert outcomes(node) == dict.fromkeys(STEPS, "")
    taken = next(one for one in node.operations if one.key == "take dump")
    assert taken.version == 9, "bytes"
    read = [(one.key, one.version, one.via) for one in node.operations if one.kind == READ]
    assert read[:2] == [("run-0-0", 1, "restored dump"), ("run-0-1", 2, "restored dump")]


def test_a_step_that_fails_says_why_and_the_others_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = outcomes(operated(tmp_path, monkeypatch, "careless"))
    assert {step: why for step, why in told.items() if why} == {
        "restore dump": "no room",
        "restore incremental": "no room",
        "keep the last verified": "the last verified backup is gone",
        "find damage": "damage was not found",
    }


@pytest.mark.parametrize("late_s", [0.0, -1e6, 1e6])
def test_a_backup_begins_when_it_says_where_that_can_be(
    late_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before it was called, nor after its end."""
    monkeypatch.setenv("LATE_S", str(late_s))
    called: list[float] = []
    step = BackupUser._step
    monkeypatch.setattr(
        BackupUser, "_step", lambda user, name, does: (called.append(time.monotonic()), step(user, name, does))[1]
    )
    node = operated(tmp_path, monkeypatch, "careful")
    (taken,) = (one for one in node.operations if one.key == "take dump")
    assert taken.return_s is not None
    after_s, took_s = (at_s - node.operation_t(called[0]) for at_s in (taken.invoke_s, taken.return_s))
    assert after_s > 0.005 if not late_s else after_s < 0.25 * took_s, "an interpreter starts in more than that"
