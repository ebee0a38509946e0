"""docs/shapes.md has the shapes of this project with their parameters. Its code blocks: tests/docs.

All shapes, with those that anybody has put into the folder, are listed by `springback plugins shapes`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.commands.plugins import listing
from shapes._surge import Surge
from tests.shapes import every

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "shapes.md").read_text()
ROWS = {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", TEXT, re.MULTILINE)}
"""Shape → what its row says of its parameters."""


@pytest.mark.parametrize("name", ROWS)
def test_a_row_names_every_parameter_of_its_own_and_none_that_is_none(name: str) -> None:
    told = re.findall(r"`(\w+)`", ROWS[name])
    frame = Surge.parameters if issubclass(every.shape_class(name), Surge) else {"baseline_s": "", "recovery_s": ""}
    assert told == [option for option in every.shape_class(name).parameters if option not in frame]


def test_every_shape_that_a_test_is_about_has_a_row() -> None:
    """So a shape of ours is not forgotten, and a reader's own needs no row in our page."""
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    imported = "".join(re.findall(r"^from shapes import (.*)$", tests, re.MULTILINE))
    tested = {name for name in every.NAMES if re.search(rf"\b{name}\b", imported) or f'"{name}"' in tests}
    assert len(tested) > 10
    assert sorted(tested - ROWS.keys()) == []


@pytest.mark.parametrize("name", every.NAMES)
def test_every_shape_is_listed_with_its_parameters(name: str) -> None:
    (entry,) = re.findall(rf"^{name}\n(?:.+\n)*", listing("shapes") + "\n", re.MULTILINE)
    for option in every.shape_class(name).parameters:
        assert f"      {option} (default " in entry, option
