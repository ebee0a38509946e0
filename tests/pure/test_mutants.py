"""The tool that asks whether the tests would notice, and a sample of what it makes: most of it has to be noticed."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.mutations import mutants_of

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("SPRINGBACK_MUTANTS_SEED", "1")
"""Another one draws other mutants."""
LEAST = 0.6
"""Of the sample. How many are killed of all is in docs/testing.md: where these are 86 %, fewer than 10 of 16 come in
one of 270 samples (binomial), and each change of these files draws another.
"""
CHANGED = ("analysis/answers", "analysis/names", "analysis/quality", "cache/_invalidations", "cache/fail_open")
ASKED = ("answers", "names", "quality", "coherence", "rate_limit")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("x = a < b", {"Lt → LtE", "Lt → GtE"}),
        ("x = a and not b", {"And → Or", "without Not"}),
        ("x = a + 1", {"Add → Sub", "1 → 2"}),
        ("x = 0.5", {"0.5 → 1.5", "0.5 → 1.0"}),
        ("x = 200_000_000", {"200000000 → 400000000"}),
        ("x = True", {"True → False"}),
        ("x = Outcome.FAIL", {"FAIL → INCONCLUSIVE"}),
        ("x = min(a, b)", {"min → max"}),
        ("if ready: x = 1", {"if not", "1 → 2"}),
        ('"""Text."""', set()),
        ("x: Annotated[int, 5]", set()),
        ("import math", set()),
        ("if TYPE_CHECKING: x = 1", set()),
        ("x += 2", {"Add= → Sub=", "2 → 3", "2 → 4"}),
    ],
)
def test_what_may_be_changed_in_a_line(line: str, told: set[str], tmp_path: Path) -> None:
    path = tmp_path / "source.py"
    path.write_text(line)
    made = mutants_of(path)
    assert {mutant.what for mutant in made} == told
    codes = {marshal.dumps(mutant.code()) for mutant in made}
    assert len(codes) == len(made) and marshal.dumps(compile(line, str(path), "exec")) not in codes


def test_a_change_is_known_by_its_function_and_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "source.py"
    path.write_text(
        "LIMIT = 1\nclass A:\n    b = 2\n    def c(self):\n        return [x\n            < 3 for x in self]\n"
    )
    made = {(mutant.function, mutant.lines) for mutant in mutants_of(path)}
    assert made == {("", (1, 1)), ("", (3, 3)), ("A.c", (5, 6))}


def test_most_of_a_sample_is_noticed() -> None:
    tests = [f"tests/pure/test_{name}.py" for name in ASKED]
    command = [sys.executable, "-m", "tests.mutants", *CHANGED, "--sample", "16", "--seed", SEED]
    done = subprocess.run(
        [*command, "--least", str(LEAST), "--tests", *tests],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
