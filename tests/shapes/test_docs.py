"""docs/shapes.md: every command in it works as written, and it has every shape with every parameter."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shapes._surge import Surge
from tests import service
from tests.shapes import every

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "shapes.md").read_text()


def test_the_commands_run_as_written(tmp_path: Path) -> None:
    """In one shell, in a copy of the folders that they name."""
    for folder in ("shapes", "locustfiles"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "class Load" in block)
    (tmp_path / "my_locustfile.py").write_text(code)
    commands = [line[2:] for line in TEXT.splitlines() if line.startswith("$ ")]
    assert len(commands) == 6
    with service.running() as site:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-ec", "\n".join(commands)],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "HOST": site.url, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert site.requests > 0
    assert "2,000 users at once at 60 s" in done.stdout
    assert "--herd-users" in done.stdout
    assert (tmp_path / "shapes" / "my_shape.py").exists()


@pytest.mark.parametrize("name", every.NAMES)
def test_the_table_has_every_shape_and_every_parameter_of_its_own(name: str) -> None:
    """And no parameter that is none."""
    (row,) = (line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
    told = re.findall(r"`(\w+)`", row.split("|")[3])
    frame = Surge.parameters if issubclass(every.shape_class(name), Surge) else {"baseline_s": "", "recovery_s": ""}
    assert told == [option for option in every.shape_class(name).parameters if option not in frame]
