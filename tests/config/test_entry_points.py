"""What is installed is looked through once where Locust is imported, and says the same."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from harness import cli
from harness.entry_points import read_once

GROUPS = ("console_scripts", "pytest11", "gevent.plugins.monkey.will_patch_all")
LOOKED = """
from importlib import metadata
looked, distributions = [], metadata.distributions
metadata.distributions = lambda **asked: looked.append(asked) or distributions(**asked)
import {module}
print(len(looked))
"""


def test_it_says_the_same_and_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    distributions, read = metadata.distributions, metadata.entry_points

    def look(**asked: Any) -> Any:
        looked.append(asked)
        return distributions(**asked)

    as_ever = [set(metadata.entry_points(group=group)) for group in GROUPS]
    programs = {entry.name for entry in as_ever[0]}
    monkeypatch.setattr(metadata, "distributions", look)
    with read_once():
        assert [set(metadata.entry_points(group=group)) for group in GROUPS] == as_ever
        assert {entry.name for entry in metadata.entry_points().select(group=GROUPS[0])} == programs
    assert len(looked) == 1 and "springback" in programs
    assert metadata.entry_points is read


@pytest.mark.parametrize("module", ["harness.locust_process", "harness.commands.plan"])
def test_a_start_of_locust_looks_once(module: str) -> None:
    command = [sys.executable, "-c", LOOKED.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_a_locustfile_that_a_command_loads_asks_python_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may keep what it imports, and install or find packages later."""
    read, asked = metadata.entry_points, list[Any]()
    command = SimpleNamespace(main=lambda **_: asked.append(metadata.entry_points))
    monkeypatch.setattr(cli, "cli", command)
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
    cli.main()
    assert asked == [read]
