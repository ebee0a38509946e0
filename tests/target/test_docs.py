"""docs/target.md describes every fault, and every command explains itself. Its code blocks: tests/docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from target.errors import EXIT_USAGE
from target.faults import folder
from tests.target.stacks import target

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "target.md"


DESCRIBED = re.findall(
    r"`(\w+)([\w ]*)(?:=\d+)?`", DOCUMENT.read_text().partition("\n## Faults\n")[2].partition("\n## ")[0]
)
CASES = sorted(
    {
        name
        for file in (DOCUMENT.parents[1] / "tests" / "ground_truth").glob("*.py")
        for name in re.findall(r'"(\w+)\b', file.read_text())
        if name in folder.names()
    }
)


@pytest.mark.parametrize("name", CASES)
def test_every_fault_that_a_case_of_the_ground_truth_is_about_is_described(name: str) -> None:
    """So one of ours is not forgotten, and a reader's own needs no line in our page."""
    assert name in dict(DESCRIBED)


@pytest.mark.parametrize("name", [name for name, _ in DESCRIBED if name in folder.names()])
def test_a_fault_is_described_with_its_parameters(name: str) -> None:
    (line,) = re.findall(rf"^- .*`{name}\b(?:.*\n)(?:  .*\n)*", DOCUMENT.read_text(), re.MULTILINE)
    for parameter in folder.parameters_of(name):
        assert parameter in line


@pytest.mark.parametrize("command", ["up", "down", "status", "fault", "upstream", "node"])
def test_every_command_explains_itself(command: str) -> None:
    """`--help` is exit code 0, an unknown flag is exit code 2."""
    assert "Usage:" in target(command, "--help").stdout
    assert target(command, "--no-such-flag").returncode == EXIT_USAGE
