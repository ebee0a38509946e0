"""Several scenarios in one go: what becomes of one is no business of the others, and nothing is left out."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from junitparser import JUnitXml

from harness.findings import Outcome as Word
from reports import suite_page
from reports.suite_page import Part
from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

SCENARIO = """
import harness
from harness.load.http import HerdHttpUser
from harness.recording import CriterionSpec
from shapes import herd

class Visitor(HerdHttpUser):
    host = "{host}"
    def prepare(self):
        return self.client.prepare("GET", "/visit")

class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users = 1, 20, 1, {recovery_s}, 5

harness.attach("{name}", criteria=[CriterionSpec("error_ratio", {{"limit": 0.3}})])
"""


@dataclass
class Outcome:
    done: Finished
    directory: Path

    @property
    def told(self) -> dict[str, tuple[str, str]]:
        said = json.loads((self.directory / "suite.json").read_text())
        return {one["scenario"]: (one["outcome"], one["reason"]) for one in said["scenarios"]}


def scenarios(directory: Path, recovery_s: int = 2, **hosts: str) -> Path:
    folder = directory / "scenarios"
    folder.mkdir(parents=True)
    for name, host in hosts.items():
        (folder / f"{name}.py").write_text(SCENARIO.format(name=name, host=host, recovery_s=recovery_s))
    return folder


def with_one_away(directory: Path) -> Outcome:
    with service.running() as well, service.running() as ill:
        ill.behave(status=503)
        away = f"http://127.0.0.1:{runs.free_port()}"
        folder = scenarios(directory, a_away=away, b_well=well.url, c_ill=ill.url)
        arguments = (str(folder), *runs.UNHURRIED, "--runs-dir", str(directory / "runs"))
        done = runs.springback(directory, "suite", *arguments).wait(150)
    return Outcome(done, done.directory)


def stopped(directory: Path) -> Outcome:
    with service.running() as target:
        folder = scenarios(directory, 60, a_first=target.url, b_second=target.url)
        run = runs.springback(directory, "suite", str(folder), *runs.UNHURRIED, "--runs-dir", str(directory / "runs"))
        run.until(lambda: "a_first: recovery" in run.err, "the first scenario watches")
        run.send(signal.SIGINT)
        done = run.wait(60)
    return Outcome(done, done.directory)


def refused(directory: Path) -> Finished:
    folder = scenarios(directory, a="http://127.0.0.1:1", b="http://127.0.0.1:1")
    arguments = (str(folder), "--ready-timeout-s", "soon", "--runs-dir", str(directory / "runs"))
    return runs.springback(directory, "suite", *arguments).wait(60)


@together(with_one_away, takes_s=50)
def test_a_service_that_is_away_isolates_its_scenario_and_the_worst_verdict_is_the_exit_code(outcome: Outcome) -> None:
    outcome.done.ended_well(code=3)
    assert {name: word for name, (word, _) in outcome.told.items()} == {
        "a_away": "INCONCLUSIVE",
        "b_well": "PASS",
        "c_ill": "FAIL",
    }
    assert "not healthy before the start" in outcome.told["a_away"][1]


@together(with_one_away, takes_s=50)
def test_one_page_leads_to_every_report_and_one_junit_file_has_every_finding(outcome: Outcome) -> None:
    page = (outcome.directory / "index.html").read_text()
    for run in outcome.directory.glob("*Z-*"):
        assert (run / "report.html").is_file()
        assert f'href="{run.name}/report.html"' in page
    suites = list(JUnitXml.fromfile(str(outcome.directory / "junit.xml")))
    assert [suite.name for suite in suites] == [f"springback {name}" for name in ("a_away", "b_well", "c_ill")]
    # Of the ill one nothing can be compared with its baseline.
    assert [suite.errors > 0 for suite in suites] == [True, False, True]
    assert suites[2].failures > 0


@together(with_one_away, takes_s=50)
def test_progress_says_which_scenario_goes_and_how_long_it_will_take(outcome: Outcome) -> None:
    assert "springback: 1 of 3: a_away, about 48 s left in all" in outcome.done.err
    assert "springback: b_well: spike" in outcome.done.err
    assert "3 scenarios: 1 PASS, 1 INCONCLUSIVE, 1 FAIL" in outcome.done.out


@together(stopped)
def test_ctrl_c_ends_the_run_that_goes_with_its_report_and_begins_no_other(outcome: Outcome) -> None:
    outcome.done.ended_well(code=4)
    assert {name: word for name, (word, _) in outcome.told.items()} == {
        "a_first": "INCONCLUSIVE",
        "b_second": "INCONCLUSIVE",
    }
    assert outcome.told["b_second"][1].startswith("not run")
    (run,) = outcome.directory.glob("*-a_first")
    assert (run / "report.html").is_file()


@together(refused)
def test_what_is_wrong_with_any_scenario_is_said_before_the_first_is_run(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    assert [line.split(": ")[1] for line in outcome.err.splitlines() if "--ready-timeout-s" in line] == ["a.py", "b.py"]
    assert outcome.directories == []


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a"b'])
def test_a_hostile_name_or_reason_is_text_on_the_page(name: str, tmp_path: Path) -> None:
    parts = [Part(name, Word.FAIL, f"{name} \x1b[31m", 1.0)]
    suite_page.write(parts, tmp_path)
    assert name not in (tmp_path / "index.html").read_text().replace("&#34;", "").partition("<main>")[2]
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert suite.errors == 1


def test_no_scenario_is_no_pass() -> None:
    assert json.loads(suite_page.summary([]))["exit_code"] == 4
