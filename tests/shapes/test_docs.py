"""docs/shapes.md has every shape with every parameter. Its code blocks: tests/docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shapes._surge import Surge
from tests.shapes import every

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "shapes.md").read_text()


@pytest.mark.parametrize("name", every.NAMES)
def test_the_table_has_every_shape_and_every_parameter_of_its_own(name: str) -> None:
    """And no parameter that is none."""
    (row,) = (line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
    told = re.findall(r"`(\w+)`", row.split("|")[3])
    frame = Surge.parameters if issubclass(every.shape_class(name), Surge) else {"baseline_s": "", "recovery_s": ""}
    assert told == [option for option in every.shape_class(name).parameters if option not in frame]
