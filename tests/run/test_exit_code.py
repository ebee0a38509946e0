"""The verdict that is printed and the exit code are one thing, whatever listeners of the locustfile do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

LISTENERS = (
    "sets 0",
    "raises",
    "exits in quitting",
    "exits below attach",
    "exits in quit",
    "sets later",
    "exits in test_stop",
)


@dataclass
class Outcome:
    done: Finished
    log: str


def run(directory: Path, does: str, way: str, status: int = 503) -> Outcome:
    log = directory / "listener.log"
    variables = {"LISTENER": does, "LISTENER_LOG": str(log)}
    with service.running(status=status) as target:
        if way == "springback":
            file, runs_dir = str(runs.SCENARIOS / "listeners.py"), str(directory / "runs")
            arguments = ("--host", target.url, "--runs-dir", runs_dir, *runs.UNHURRIED, *runs.VERDICT_ONLY)
            started = runs.springback(directory, "run", file, *arguments, variables=variables, forked=True)
        else:
            forked = runs.processes(2) if way == "forked" else ()
            started = runs.locust(directory, "listeners.py", *forked, host=target.url, variables=variables)
        return Outcome(started.wait(gone_within_s=5), log.read_text() if log.exists() else "")


def failing(directory: Path, does: str, way: str) -> Outcome:
    return run(directory, does, way)


def assert_fail(done: Finished) -> None:
    assert done.code == 3, f"{done.code}\n{done.err}\n{done.out}"
    assert "FAIL  listeners against" in done.out
    assert done.verdict["outcome"] == "FAIL" and done.verdict["exit_code"] == 3
    assert not done.left_over


@together(failing, does=LISTENERS, way=["local"])
def test_a_listener_cannot_change_the_exit_code_of_a_failed_run(outcome: Outcome) -> None:
    assert_fail(outcome.done)


@together(failing, does=["sets 0", "exits in quitting"], way=["springback", "forked"])
def test_nor_can_it_behind_the_launcher_or_on_a_master(outcome: Outcome) -> None:
    assert_fail(outcome.done)


@together(failing, does=["os._exit"], way=["springback"])
def test_a_process_that_ends_itself_does_not_end_with_another_verdict_than_it_printed(outcome: Outcome) -> None:
    assert_fail(outcome.done)


def exit_code_seen(directory: Path) -> Outcome:
    return run(directory, "sets 0", "local")


@together(exit_code_seen)
def test_listeners_of_quit_are_told_the_exit_code_of_the_verdict(outcome: Outcome) -> None:
    assert outcome.log.splitlines() == ["quitting", "quit 3"]


def passing(directory: Path, does: str) -> Outcome:
    return run(directory, does, "local", status=200)


@together(passing, does=["sets 0", "exits in quitting"])
def test_a_run_that_passes_still_passes(outcome: Outcome) -> None:
    outcome.done.ended_well(code=0)
    assert "PASS  listeners against" in outcome.done.out


def refused(directory: Path) -> Outcome:
    log = directory / "listener.log"
    variables = {"LISTENER": "sets 0", "LISTENER_LOG": str(log)}
    done = runs.locust(directory, "listeners.py", "--herd-users", "-1", host="http://127.0.0.1:9", variables=variables)
    return Outcome(done.wait(), "")


@together(refused)
def test_a_run_that_is_refused_is_no_pass_either(outcome: Outcome) -> None:
    outcome.done.ended_well(code=2)
