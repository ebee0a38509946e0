"""One plan several times: each run is judged for itself, and one verdict over all of them ends it."""

from __future__ import annotations

import signal
from pathlib import Path

from junitparser import JUnitXml

from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.test_suite import scenarios
from tests.run.together import together


def repeated(directory: Path) -> Finished:
    with service.running() as well:
        (file,) = scenarios(directory, a_well=well.url).iterdir()
        arguments = (str(file), "--repeat", "3", *runs.UNHURRIED, "--runs-dir", str(directory / "runs"))
        return runs.springback(directory, "run", *arguments, forked=True).wait()


def stopped(directory: Path) -> Finished:
    with service.running() as target:
        (file,) = scenarios(directory, 60, a_well=target.url).iterdir()
        arguments = (str(file), "--repeat", "2", *runs.UNHURRIED, "--runs-dir", str(directory / "runs"))
        run = runs.springback(directory, "run", *arguments, forked=True)
        run.until(lambda: "a_well-1: recovery" in run.err, "the first run watches")
        run.send(signal.SIGINT)
        return run.wait()


def from_the_web_ui(directory: Path) -> Finished:
    (file,) = scenarios(directory, a="http://127.0.0.1:1").iterdir()
    return runs.springback(directory, "run", str(file), "--repeat", "3", "--web", forked=True).wait()


@together(repeated, takes_s=40)
def test_every_run_is_judged_and_one_verdict_is_over_all_of_them(outcome: Finished) -> None:
    outcome.ended_well(code=0)
    assert [run["outcome"] for run in outcome.told("repeat.json")["runs"]] == ["PASS"] * 3
    (errors,) = (each for each in outcome.told("repeat.json")["findings"] if each["criterion"] == "error_ratio")
    assert errors["figure"] == 0
    assert errors["reason"].startswith("kept in 3 of 3 runs, so with 95 % confidence in at least 36.8 % of such runs")
    assert "springback: 2 of 3: a_well, about" in outcome.err
    assert "PASS  3 runs" in outcome.out


@together(repeated, takes_s=40)
def test_page_markdown_and_junit_lead_to_the_runs_and_have_the_findings_over_all(outcome: Finished) -> None:
    page = (outcome.directory / "index.html").read_text()
    made = sorted(outcome.directory.glob("*Z-a_well"))
    assert len(made) == 3
    for run in made:
        assert f'href="{run.name}/report.html"' in page
        assert (run / "report.html").is_file()
    assert "kept in 3 of 3 runs" in page
    assert "kept in 3 of 3 runs" in (outcome.directory / "report.md").read_text()
    suites = list(JUnitXml.fromfile(str(outcome.directory / "junit.xml")))
    assert [suite.name for suite in suites] == ["springback over all runs", *["springback a_well"] * 3]


@together(stopped)
def test_ctrl_c_ends_the_run_that_goes_and_what_was_not_made_is_no_pass(outcome: Finished) -> None:
    outcome.ended_well(code=4)
    assert [run["was_run"] for run in outcome.told("repeat.json")["runs"]] == [True, False]
    assert outcome.told("repeat.json")["runs"][1]["reason"] == "the runs were stopped before"
    assert outcome.told("repeat.json")["outcome"] == "INCONCLUSIVE"


@together(from_the_web_ui)
def test_a_run_from_the_web_ui_is_made_once(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    assert "--web and --repeat" in outcome.err
