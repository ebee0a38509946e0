"""Runs in processes of their own: what one has written before its end is believed only if it ended like that."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.commands import runs_apart
from harness.commands.adjustable import Adjustable
from harness.commands.scenario_check import Scenario
from harness.findings import Outcome
from harness.verdict import judge
from reports import verdict_json
from tests import recordings

ENDS = """#!{python}
import os, pathlib, sys
words = sys.argv
run = pathlib.Path(words[words.index("--runs-dir") + 1]) / "20260314T092653Z-x"
run.mkdir()
(run / "verdict.json").write_text(pathlib.Path({verdict!r}).read_text())
print("springback: the disk is full", file=sys.stderr)
sys.stderr.flush()
os.kill(os.getpid(), -{code}) if {code} < 0 else sys.exit({code})
"""


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (Outcome.PASS, 0, Outcome.PASS),
        (Outcome.PASS, 1, Outcome.INCONCLUSIVE),
        (Outcome.PASS, -9, Outcome.INCONCLUSIVE),
        (Outcome.FAIL, -9, Outcome.FAIL),
    ],
)
def test_a_pass_of_a_run_that_did_not_end_with_it_is_none(
    outcome: Outcome, code: int, said: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, program, directory = tmp_path / "verdict.json", tmp_path / "python", tmp_path / "runs"
    run = recordings.healthy()
    written.write_text(verdict_json.render(run, dataclasses.replace(judge(run), outcome=outcome)))
    program.write_text(ENDS.format(python=sys.executable, verdict=str(written), code=code))
    program.chmod(0o755)
    directory.mkdir()
    monkeypatch.setattr(runs_apart.sys, "executable", str(program))
    signals: Any = SimpleNamespace(stopped=False, process=None)
    scenario = Scenario(tmp_path / "x.py", "x", "spike", 1.0, Adjustable("", "", 0.0, (), ()))
    part = runs_apart.run_apart(scenario, (), directory, signals)
    assert part.outcome is said
    assert (f"ended with {code}" in part.reason) == (said is Outcome.INCONCLUSIVE)
