"""What the scenario of the module registry asks of a service."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

import harness
from tests.load.single_user import single_user

SCENARIO = Path(__file__).parents[2] / "locustfiles" / "module_registry.py"


@pytest.fixture
def scenario(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(harness, "attach", lambda *_, **__: None)
    return runpy.run_path(str(SCENARIO))


def test_no_module_gets_more_versions_than_a_page_of_ten_lists(scenario: dict[str, Any]) -> None:
    """Where there are more, a service that lists the oldest first would seem to have lost the newest."""
    user, _ = single_user(scenario["Developer"], "http://127.0.0.1:9", valkey="", versions_path="/versions")
    user.on_start()
    user.made = [[f"m{number}", 0] for number in range(3)]
    user.create = lambda: None
    user.add_version = lambda module: module.__setitem__(1, module[1] + 1)
    for _ in range(100):
        user.publish()
    assert [versions for _, versions in user.made] == [10, 10, 10]
