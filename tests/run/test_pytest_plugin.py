"""A spike as a test of pytest: a real run, in a process of its own, and the verdict object that the test reads."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from harness.history.database import History
from harness.history.stored_run import HistoryRun
from tests import service
from tests.run import runs
from tests.run.together import together

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.spike_testing
def test_the_herd_is_answered(springback):
    verdict = springback.run("herd-http", host="{url}", run_tags=["pytest", "small"], {options})
    assert verdict.passed, verdict
    assert verdict.error_ratio.figure == 0
    assert verdict.report.read_text().startswith("<!DOCTYPE html>")

def test_who_asserts_what_there_is_not(springback):
    springback.run("herd-http", host="{url}", must_pass=False, herd_users="many")
"""


@dataclass
class Outcome:
    code: int
    out: str
    stored: list[HistoryRun]


def as_a_test(directory: Path) -> Outcome:
    (directory / "locustfiles").mkdir()
    scenario = (ROOT / "tests" / "run" / "scenarios" / "herd_http.py").read_text()
    (directory / "locustfiles" / "herd_http.py").write_text(scenario)
    unhurried = dict(zip(runs.UNHURRIED[::2], runs.UNHURRIED[1::2], strict=True))
    options = ", ".join(f"{flag.strip('-').replace('-', '_')}={value!r}" for flag, value in unhurried.items())
    installed = any(each.name == "springback" for each in entry_points(group="pytest11"))
    plugin = () if installed else ("-p", "harness.pytest_plugin")
    with service.running() as target:
        (directory / "test_spike.py").write_text(TESTS.format(url=target.url, options=options))
        command = [sys.executable, "-P", "-m", "pytest", *plugin, "--strict-markers", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
    with History(directory / "runs") as history:
        return Outcome(done.returncode, done.stdout + done.stderr, history.runs())


@together(as_a_test, takes_s=35)
def test_a_test_makes_a_run_and_reads_its_verdict(outcome: Outcome) -> None:
    assert outcome.code == 1
    assert "1 failed, 1 passed" in outcome.out, outcome.out
    (run,) = outcome.stored
    assert (run.scenario, run.word, run.tags) == ("herd-http", "PASS", ("pytest", "small"))


@together(as_a_test, takes_s=35)
def test_a_run_that_is_refused_fails_its_test_with_the_words_of_the_refusal(outcome: Outcome) -> None:
    assert "SpikeRunError: the run left no verdict: it was refused" in outcome.out
    assert "--herd-users many" in outcome.out
