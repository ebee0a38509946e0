"""Several scenarios in one go: what becomes of one is no business of the others, and nothing is left out."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path

from junitparser import JUnitXml

from harness.commands.scenario_check import last_object
from tests import service
from tests.ports import free_port
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

harness.attach("{name}", criteria=[CriterionSpec("error_ratio", {{"limit": 0.3}})], suite="{suite}")
"""
BROKEN = "import a_package_that_is_not_there\n"
AWAY = SCENARIO.replace("criteria=", 'checks=lambda options: ["the database is away: start it"], criteria=')


@dataclass
class Outcome:
    done: Finished
    directory: Path

    @property
    def told(self) -> dict[str, tuple[str, str]]:
        """What became of each scenario, and why."""
        said = json.loads((self.directory / "suite.json").read_text())["scenarios"]
        words = {one["scenario"]: one["outcome"] if one["was_run"] else "NOT RUN" for one in said}
        return {one["scenario"]: (words[one["scenario"]], one["reason"]) for one in said}


def scenarios(directory: Path, recovery_s: int = 2, **hosts: str) -> Path:
    folder = directory / "scenarios"
    folder.mkdir(parents=True)
    for name, host in hosts.items():
        values = {"name": name, "host": host, "recovery_s": recovery_s, "suite": "ha" if "_ha_" in name else "spike"}
        (folder / f"{name}.py").write_text((AWAY if name.endswith("_unasked") else SCENARIO).format(**values))
    return folder


def with_one_away(directory: Path) -> Outcome:
    with service.running() as well, service.running() as ill:
        ill.behave(status=503)
        away = f"http://127.0.0.1:{free_port()}"
        folder = scenarios(directory, a_away=away, b_well=well.url, c_ill=ill.url)
        arguments = (str(folder), *runs.UNHURRIED, "--runs-dir", str(directory / "runs"))
        done = runs.springback(directory, "suite", *arguments, forked=True).wait()
    return Outcome(done, done.directory)


def stopped(directory: Path) -> Outcome:
    with service.running() as target:
        folder = scenarios(directory, 60, a_first=target.url, b_second=target.url)
        run = runs.springback(directory, "suite", str(folder), *runs.UNHURRIED, "--runs-dir", str(directory / "runs"))
        run.until(lambda: "a_first: recovery" in run.err, "the first scenario watches")
        run.send(signal.SIGINT)
        done = run.wait()
    return Outcome(done, done.directory)


def one_group(directory: Path) -> Outcome:
    """Of spike, ha, a file that cannot be loaded, and one whose database is away: only ha."""
    nowhere = "http://127.0.0.1:1"
    with service.running() as well:
        folder = scenarios(directory, a_spike=nowhere, b_ha_well=well.url, c_ha_unasked=nowhere, d_unasked=nowhere)
        (folder / "e_broken.py").write_text(BROKEN)
        arguments = ("ha", str(folder), *runs.UNHURRIED, "--runs-dir", str(directory / "runs"))
        done = runs.springback(directory, "suite", *arguments, forked=True).wait()
    return Outcome(done, done.directory)


def no_such_path(directory: Path) -> Finished:
    folder = scenarios(directory, a_spike="http://127.0.0.1:1")
    return runs.springback(directory, "suite", str(folder), "ha", "gone/one.py", forked=True).wait()


def no_such_group(directory: Path) -> Finished:
    folder = scenarios(directory, a_spike="http://127.0.0.1:1", b_ha_one="http://127.0.0.1:1")
    return runs.springback(directory, "suite", str(folder), "rain", "spikes", forked=True).wait()


def all_away(directory: Path) -> Finished:
    folder = scenarios(directory, a_unasked="http://127.0.0.1:1", b_unasked="http://127.0.0.1:1")
    return runs.springback(directory, "suite", str(folder), "--runs-dir", str(directory / "runs"), forked=True).wait()


def refused(directory: Path) -> Finished:
    folder = scenarios(directory, a="http://127.0.0.1:1", b="http://127.0.0.1:1")
    (folder / "c_broken.py").write_text(BROKEN)
    arguments = (str(folder), "--ready-timeout-s", "soon", "--runs-dir", str(directory / "runs"))
    return runs.springback(directory, "suite", *arguments, forked=True).wait()


@together(with_one_away, takes_s=50)
def test_a_service_that_is_away_isolates_its_scenario_and_the_worst_verdict_is_the_exit_code(outcome: Outcome) -> None:
    outcome.done.ended_well(code=3)
    assert {name: word for name, (word, _) in outcome.told.items()} == {
        "a_away": "NOT RUN",
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
    assert "3 scenarios: 1 PASS, 1 FAIL, 1 NOT RUN" in outcome.done.out


@together(one_group, takes_s=30)
def test_a_group_is_what_its_scenarios_say_and_what_cannot_be_run_stands_there_with_the_reason(
    outcome: Outcome,
) -> None:
    outcome.done.ended_well(code=4)
    told = outcome.told
    assert {name: word for name, (word, _) in told.items()} == {
        "b_ha_well": "PASS",
        "c_ha_unasked": "NOT RUN",
        "e_broken": "NOT RUN",  # nobody knows of what group it is
    }
    assert told["c_ha_unasked"][1] == "the database is away: start it"
    assert "a_package_that_is_not_there" in told["e_broken"][1]
    for file in ("index.html", "report.md"):
        text = (outcome.directory / file).read_text()
        assert text.count("NOT RUN") >= 2 and "the database is away: start it" in text
    assert [suite.errors > 0 for suite in JUnitXml.fromfile(str(outcome.directory / "junit.xml"))] == [
        False,
        True,
        True,
    ]


@together(no_such_path)
def test_a_path_of_nothing_is_refused_before_anything_is_loaded(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    assert outcome.err.splitlines() == [
        "springback: gone/one.py: there is no such file or folder; name scenario files, or a folder of them"
    ]


@together(no_such_group)
def test_a_word_that_names_nothing_is_refused_with_the_groups_there_are(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    first, second = outcome.err.splitlines()
    assert "rain: neither a file nor a folder nor a group of scenarios; the groups in " in first
    assert first.endswith(" are ha, spike")
    assert "spikes: neither a file nor a folder nor a group of scenarios; did you mean spike?" in second


@together(all_away)
def test_a_suite_of_which_nothing_can_be_run_is_refused(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    assert outcome.err.count("the database is away: start it") == 2
    assert outcome.directories == []


@together(stopped)
def test_ctrl_c_ends_the_run_that_goes_with_its_report_and_begins_no_other(outcome: Outcome) -> None:
    outcome.done.ended_well(code=4)
    assert {name: word for name, (word, _) in outcome.told.items()} == {
        "a_first": "INCONCLUSIVE",
        "b_second": "NOT RUN",
    }
    assert outcome.told["b_second"][1] == "the suite was stopped before"
    (run,) = outcome.directory.glob("*-a_first")
    assert (run / "report.html").is_file()


@together(refused)
def test_what_is_wrong_with_any_scenario_is_said_before_the_first_is_run(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    assert [line.split(": ")[1] for line in outcome.err.splitlines() if "--ready-timeout-s" in line] == ["a.py", "b.py"]
    assert outcome.directories == []


def test_what_is_known_of_a_scenario_may_stand_between_what_it_prints() -> None:
    """While it is loaded, and at its end."""
    assert last_object('hello\n{"scenario": "a"}\n[1]\nbye\n') == {"scenario": "a"}
    assert last_object("hello\n{") == {}
