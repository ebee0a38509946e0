"""docs/target.md describes every fault, and every command explains itself. Its code blocks: tests/docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from target.errors import EXIT_USAGE
from target.faults import folder
from tests.target.stacks import target

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "target.md"


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
