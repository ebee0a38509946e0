"""Users whose own code raises: each exception is counted where it was raised, and no such run passes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.recording.values import OK, USER_EXCEPTION
from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together


def run(directory: Path, way: str, places: str, *arguments: str) -> Finished:
    with service.running() as target:
        options = ("--health-path", "/healthz", *arguments)
        variables = {"RAISES_IN": places, "WAY": way}
        return runs.locust(directory, "raising.py", *options, host=target.url, variables=variables).wait()


def raised(done: Finished) -> Counter[str]:
    """Exceptions by where they were raised."""
    counts: Counter[str] = Counter()
    for mark in done.recording.exceptions:
        assert mark.exception == "MistakeError"
        assert mark.place.startswith("raising.py, line ") and mark.place.endswith("in perhaps")
        assert "in" in mark.message and "password" not in mark.message and "secret" not in mark.message
        counts[mark.where] += mark.count
    return counts


def after_a_request(directory: Path, way: str) -> tuple[str, Finished]:
    processes = runs.processes(2) if way == "forked" else ()
    formats = runs.ALL_REPORTS if way == "forked" else runs.WITHOUT_PAGE
    return way, run(directory, way, "task,greenlet,on_stop", *processes, *formats)


@together(after_a_request, way=["paced", "forked", "stock"])
def test_whatever_raises_after_a_good_answer_fails_the_run(outcome: tuple[str, Finished]) -> None:
    way, done = outcome
    assert done.code == 3
    counts, answered = raised(done), done.count(OK)
    assert answered > 0
    assert counts["task"] == counts["greenlet"] == answered
    assert counts["on_stop"] == 10, "that of each user, when it is stopped"
    finding = done.finding("user_exceptions")
    assert finding["outcome"] == "FAIL" and finding["figure"] == counts.total()
    assert "MistakeError" in finding["reason"] and "raising.py, line" in finding["reason"]
    assert done.count(USER_EXCEPTION) == answered, "each iteration has failed"
    for report in ("report.md", "junit.xml", *(["report.html"] if way == "forked" else [])):
        assert "MistakeError" in (done.directory / report).read_text(), report
    assert "exceptions in users' code" in done.out
    tracebacks = done.err.count("Traceback (most recent call last)")
    assert 0 < tracebacks <= (8 if way == "forked" else 4), "one a kind and process"


def before_a_request(directory: Path) -> Finished:
    return run(directory, "paced", "task before a request")


@together(before_a_request)
def test_an_iteration_that_raises_before_its_request_says_so(outcome: Finished) -> None:
    assert outcome.code == 3
    assert outcome.count() == outcome.count(USER_EXCEPTION) == raised(outcome)["task"] > 0
    assert outcome.finding("spike_delivered")["outcome"] == "INCONCLUSIVE"


def in_a_check(directory: Path) -> Finished:
    return run(directory, "herd", "check")


@together(in_a_check)
def test_a_check_that_raises_fails_its_request_once_and_is_counted(outcome: Finished) -> None:
    assert outcome.code == 3
    assert raised(outcome)["check"] == outcome.count("wrong answer") == outcome.count() > 0


def getting_ready(directory: Path, way: str) -> Finished:
    place, forked = way.split(", ")
    processes = runs.processes(2) if forked == "forked" else ()
    return run(directory, "herd", place, "--ready-timeout-s", "100", *processes)


@together(getting_ready, way=["prepare, local", "prepare, forked", "on_start, local"])
def test_users_that_cannot_get_ready_end_the_run_at_once(outcome: Finished) -> None:
    assert outcome.code == 3
    assert outcome.seconds < 60, "the limit for getting ready is not waited for"
    end = outcome.recording.end
    assert end is not None and end.reason.startswith("users cannot get ready: MistakeError: in ")
    assert end.reason.count("raising.py, line") == 1
    assert outcome.err.count("Traceback (most recent call last)") <= 2
    assert "ready-timeout" not in outcome.out


def control(directory: Path) -> Finished:
    return run(directory, "paced", "control,on_stop of a task set")


@together(control)
def test_the_exceptions_with_which_users_steer_locust_are_none(outcome: Finished) -> None:
    assert raised(outcome) == {"on_stop": 10}, "those of the task set, which Locust only logs"
    assert outcome.code == 3
    assert outcome.count() == outcome.count(OK) > 0
