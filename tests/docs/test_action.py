"""The composite action: its scripts, run as the runner runs them, beside a springback that only says what it got."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.docs.blocks import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / ".github/actions/springback/action.yml").read_text())
STEPS = {step.get("name"): step for step in ACTION["runs"]["steps"]}
FAKE = """#!/bin/sh
printf '%s\\n' "$@" > got.txt
[ "$CODE" = 2 ] || mkdir -p "runs/20260101T000000Z-$1"
exit "$CODE"
"""


def spike(directory: Path, code: int, **variables: str) -> tuple[list[str], dict[str, str], str]:
    """What springback was given, the outputs of the step, and the job's summary."""
    binaries = directory / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "springback").write_text(FAKE)
    (binaries / "springback").chmod(0o755)
    (binaries / "python").symlink_to(sys.executable)
    files = {"GITHUB_OUTPUT": directory / "output.txt", "GITHUB_STEP_SUMMARY": directory / "summary.md"}
    given = {"SCENARIOS": "one.py", "TARGET_HOST": "", "OPTIONS": "", "WAIT_S": "60", "RUNS_DIR": "runs", **variables}
    (directory / "one.py").touch()
    (directory / "a" / "b" / "c").mkdir(parents=True)
    environment = {**os.environ, **given, **{name: str(path) for name, path in files.items()}}
    environment |= {"GITHUB_ACTION_PATH": str(directory / "a" / "b" / "c"), "CODE": str(code)}
    run_script(STEPS["Spike"]["run"], directory, environment, 0)
    told = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    summary = files["GITHUB_STEP_SUMMARY"]
    return (directory / "got.txt").read_text().splitlines(), told, summary.read_text() if summary.exists() else ""


def run_script(script: str, directory: Path, environment: dict[str, str], code: int) -> None:
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(("code", "verdict"), [(0, "PASS"), (3, "FAIL"), (4, "INCONCLUSIVE"), (5, "STOPPED EARLY")])
def test_the_verdict_is_an_output_and_ends_the_job(code: int, verdict: str, tmp_path: Path) -> None:
    got, told, summary = spike(tmp_path, code, TARGET_HOST="http://127.0.0.1:8000")
    assert got == [
        *("run", "one.py", "--host", "http://127.0.0.1:8000", "--wait-for-target", "60"),
        *("--runs-dir", "runs"),
    ]
    assert told == {"verdict": verdict, "exit-code": str(code), "directory": "runs/20260101T000000Z-run"}
    assert summary == ""  # springback itself writes it
    variables = {**os.environ, "VERDICT": verdict, "CODE": str(code)}
    run_script(STEPS["Verdict"]["run"], tmp_path, {**variables, "ALLOW_INCONCLUSIVE": "false"}, code)
    allowed = 0 if verdict == "INCONCLUSIVE" else code
    run_script(STEPS["Verdict"]["run"], tmp_path, {**variables, "ALLOW_INCONCLUSIVE": "true"}, allowed)


def test_what_was_refused_says_so_and_fails(tmp_path: Path) -> None:
    _, told, summary = spike(tmp_path, 2)
    assert told == {"verdict": "REFUSED", "exit-code": "2", "directory": ""}
    assert "nothing was run" in summary
    variables = {**os.environ, "VERDICT": "REFUSED", "CODE": "2", "ALLOW_INCONCLUSIVE": "true"}
    run_script(STEPS["Verdict"]["run"], tmp_path, variables, 2)


def test_several_scenarios_are_a_suite_and_options_are_words_as_in_a_shell(tmp_path: Path) -> None:
    """Quotes group, lines end no option, and nothing of it is run."""
    options = "--herd-users 5\n--fault 'stop_process port=1 at=spike+5 for=10' --expect '$(touch caught)'"
    got, told, _ = spike(tmp_path, 0, SCENARIOS="one.py\n\nha\n", OPTIONS=options)
    assert got[:3] == ["suite", "one.py", "ha"]
    assert got[3:-2] == [
        *("--herd-users", "5", "--fault", "stop_process port=1 at=spike+5 for=10"),
        *("--expect", "$(touch caught)"),
    ]
    assert told["directory"] == "runs/20260101T000000Z-suite"
    assert not (tmp_path / "caught").exists()


def test_inputs_reach_no_script_as_text() -> None:
    """What is put into a script by GitHub before it is run would be run by it."""
    scripts = [step["run"] for step in STEPS.values() if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]
