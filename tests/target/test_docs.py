"""docs/target.md: every command in it works as written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from target.errors import EXIT_USAGE
from target.faults import folder
from tests.target.stacks import target

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "target.md"


def test_the_commands_run_as_written(tmp_path: Path) -> None:
    """In one shell, in an empty directory, from `up` to `down`."""
    commands = [line[2:] for line in DOCUMENT.read_text().splitlines() if line.startswith("$ ")]
    assert len(commands) >= 9
    script = "set -e\n" + "\n".join([*commands, "wait"])
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"token":' in done.stdout
    assert json.loads((tmp_path / "status.json").read_text())["all_alive"] is True
    assert not (tmp_path / "stack.json").exists()


def test_every_fault_is_described_with_its_parameters() -> None:
    """A new file in the folder needs its line."""
    text = DOCUMENT.read_text()
    for name in folder.names():
        described = " ".join([name, *folder.parameters_of(name)])
        assert f"`{name}" in text, described
        for parameter in folder.parameters_of(name):
            assert parameter in text, described


@pytest.mark.parametrize("command", ["up", "down", "status", "fault", "upstream"])
def test_every_command_explains_itself(command: str) -> None:
    """`--help` is exit code 0, an unknown flag is exit code 2."""
    assert "Usage:" in target(command, "--help").stdout
    assert target(command, "--no-such-flag").returncode == EXIT_USAGE
