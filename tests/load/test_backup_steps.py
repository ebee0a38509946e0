"""A user who has backups taken: what a command says of them is not believed, but tried."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path

import pytest

from harness.load.users.backup import BackupUser
from harness.recording import STEP
from harness.recording.header import Phase
from tests.load.single_user import single_user

COMMAND = """
import json, pathlib, shutil, sys
defect, words, flags = sys.argv[1], sys.argv[2:], dict(zip(sys.argv[2:], sys.argv[3:]))
there, said = pathlib.Path(flags["--in"]), pathlib.Path(flags["--in"]) / "list.json"
names = json.loads(said.read_text()) if said.exists() else []
if words[0] == "take":
    name = f"{flags['--kind']}-{len(names)}"
    (there / name).mkdir()
    (there / name / "rows").write_bytes(b"rows of it")
    said.write_text(json.dumps([*names, name]))
    print(json.dumps({"name": name, "bytes": 10}))
elif words[0] == "verify":
    rows = there / words[1] / "rows"
    is_new = defect == "verifies nothing new" and words[1].endswith("-3")
    print("{}")
    sys.exit(is_new or not rows.exists() or rows.read_bytes() != b"rows of it")
elif words[0] == "prune":
    kept = [names[0], names[-1]]
    for name in names:
        if name not in kept or (defect == "keeps a name" and name == names[0]):
            shutil.rmtree(there / name)
    said.write_text(json.dumps(kept))
    print("{}")
elif words[0] == "list":
    print(json.dumps([{"name": name, "bytes": 10} for name in names]))
else:
    sys.exit("no server to restore on")
"""


@pytest.fixture
def command(tmp_path: Path) -> str:
    script = tmp_path / "backup.py"
    script.write_text(COMMAND)
    return shlex.join([sys.executable, str(script)])


@pytest.mark.parametrize(
    ("defect", "failed"),
    [
        ("none", set()),
        ("keeps a name", {"keep the last verified"}),
        ("verifies nothing new", {"keep the last verified", "find damage"}),
    ],
)
def test_what_is_kept_has_to_be_whole_and_damage_to_be_told_from_what_is(
    command: str, defect: str, failed: set[str]
) -> None:
    """A prune that leaves the name of a backup, and a verify that refuses every new one, damaged or not."""
    user, node = single_user(
        BackupUser,
        "http://127.0.0.1:9",
        backup_command=f"{command} {shlex.quote(defect)}",
        restored_query="",
        audit_within_s=15.0,
    )
    assert node.plan is not None
    node.plan = dataclasses.replace(node.plan, phases=(Phase("spike", 0, 60),))
    user.work_through(phase="spike")
    steps = {one.key: one for one in node.operations if one.kind == STEP}
    unmade = {"restore dump", "restore incremental"}
    assert {name for name, one in steps.items() if one.return_s is None} == failed | unmade
    assert {"take dump", "verify the dump", "take a second dump"} <= steps.keys()
