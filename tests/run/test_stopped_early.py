"""Runs that a rule stops early: the load is gone at once, the report says so, and the exit code is its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests import service
from tests.run import runs
from tests.run.runs import Finished, Run
from tests.run.together import together

LONG = ("--baseline-s", "60", "--base", "40", "--peak", "60")
CASES = {
    "errors": ("crowd_http.py", "error_ratio > 0.5 for 2 s", {"status": 503}),
    "silence": ("crowd_http.py", "error_ratio > 0.9; p95 > 0.5 s for 2 s", {"latency_ms": 60_000}),
    "down": ("stock.py", "target down for 1 s", None),
}
"""Scenario, rules, and how the service behaves from the baseline on; None: it is killed."""
GONE_S = 2.0


@dataclass
class Outcome:
    done: Finished
    gone_s: float
    """From the words that say so to the last thing that the service saw of the load, by a clock of naps.
    """
    rule: str


def stopped_early(directory: Path, why: str, way: str) -> Outcome:
    scenario, rules, behaviour = CASES[why]
    forked = runs.processes(2) if way == "forked" else ()
    with service.running() as target:
        lengths = LONG if scenario == "crowd_http.py" else ("--baseline-s", "60")
        formats = runs.ALL_REPORTS if why == "silence" else runs.WITHOUT_PAGE
        options = ("--stop-when", rules, *formats)
        variables = {"SHAPE": "flash_crowd"}
        run = runs.locust(directory, scenario, *lengths, *options, *forked, host=target.url, variables=variables)
        run.until_phase("baseline")
        run.until(lambda: target.requests >= 10, "load")
        if behaviour is None:
            target.kill()
        else:
            target.behave(**behaviour)
        run.until(lambda: "stopping early" in run.err, "it is stopped")
        gone_s = 0.0 if behaviour is None else _last_seen_s(run, target)
        return Outcome(run.wait(gone_within_s=2), gone_s, rules.split("; ")[-1])


def _last_seen_s(run: Run, target: service.Service) -> float:
    """Until the process ends: when a request came last, or a connection was still open."""
    last_s, before = 0.0, target.requests
    with runs.naps() as clock:
        while run.process.poll() is None:
            is_open, now = target.established, target.requests
            if is_open or now != before:
                last_s, before = clock.now_s, now
            time.sleep(0.05)
    return last_s


def assert_stopped_early(outcome: Outcome) -> None:
    done = outcome.done
    done.ended_well(code=5)
    end, verdict = done.recording.end, done.verdict
    assert end is not None and end.stopped_early and not end.completed and not done.recording.damage
    assert end.reason.startswith(f"{outcome.rule} (--stop-when): it was ")
    assert verdict["exit_code"] == 5 and verdict["stopped_early"] and verdict["outcome"] != "PASS"
    assert verdict["reason"].startswith("STOPPED EARLY")
    # A user may send something before it is stopped, when the account of the load is closed.
    after = sum(piece.count for piece in done.recording.wind_down)
    assert done.count() + after == end.requests + end.unfinished + done.count("unserved")
    assert not any(mark.event == "lost" for mark in done.recording.node_events)
    reports = [path for path in done.directory.iterdir() if path.suffix in (".html", ".md", ".xml")]
    assert len(reports) >= 2
    for report in reports:
        assert end.reason.split(":")[0].replace(">", "&gt;") in _plain(report.read_text()), report
    assert "STOPPED EARLY" in done.out


def _plain(text: str) -> str:
    """A report's text with the rule as HTML writes it."""
    return text.replace("\\", "").replace("&gt;", ">").replace(">", "&gt;")


@together(stopped_early, why=["errors"], way=["local"])
def test_errors_stop_a_run(outcome: Outcome) -> None:
    assert_stopped_early(outcome)
    assert outcome.gone_s <= GONE_S


@together(stopped_early, why=["silence"], way=["forked"])
def test_requests_that_nobody_answers_stop_a_run_of_several_load_processes_and_are_let_go(outcome: Outcome) -> None:
    assert_stopped_early(outcome)
    assert outcome.gone_s <= GONE_S
    assert outcome.done.recording.end is not None and outcome.done.recording.end.unfinished > 0
    assert (outcome.done.directory / "report.html").is_file()


@together(stopped_early, why=["down"], way=["local"])
def test_a_target_that_is_down_stops_a_run(outcome: Outcome) -> None:
    assert_stopped_early(outcome)
