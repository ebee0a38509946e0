"""The limit of a real service that serves exactly so many requests a second, found by real runs."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

PER_S = 150.0
"""Between 127 and 180, the levels that a search from 90 tries first, and far from both."""


def limit(done: Finished) -> dict[str, Any]:
    only: dict[str, Any]
    (only,) = done.told("limit.json")["limits"]
    return only


def arguments(directory: Path, target: service.Service) -> tuple[str, ...]:
    scenario = str(runs.SCENARIOS / "visits_step.py")
    return ("find-limit", scenario, "--host", target.url, *runs.UNHURRIED, "--runs-dir", str(directory / "runs"))


def found(directory: Path) -> Finished:
    with service.running() as target:
        target.behave(per_s=PER_S)
        how = ("--from", "90", "--max-rate", "400", "--resolution", "0.5", "--max-steps", "8")
        return runs.springback(directory, *arguments(directory, target), *how, forked=True).wait(200)


def stopped_by_the_generator_and_then_by_ctrl_c(directory: Path) -> Finished:
    """No generator is as good as it is asked to be here."""
    with service.running() as target:
        target.behave(per_s=PER_S)
        how = ("--from", "60", "--generator-health-cpu-limit-ratio", "0.0001")
        run = runs.springback(directory, *arguments(directory, target), *how, forked=True)
        run.until(lambda: "step-2: recovery" in run.err, "the second step goes")
        run.send(signal.SIGINT)
        return run.wait()


@together(found, takes_s=110)
def test_the_limit_lies_in_its_interval(outcome: Finished) -> None:
    outcome.ended_well(code=0)
    bounds = limit(outcome)["finding"]["interval"]
    held = [step["finding"] for step in limit(outcome)["steps"] if step["says"] in ("holds", "seems to hold")]
    # Of the lower end is taken off what a queue of so long an answer may have hidden, at the 95 % quantile in 6 s.
    hidden = 1 + max(each["interval"]["high"] for each in held) / (0.95 * 6)
    assert bounds["low"] <= PER_S <= bounds["high"] <= 1.5 * hidden * bounds["low"]
    levels = {step["level"]: step["says"] for step in limit(outcome)["steps"]}
    assert levels[90] == "holds"
    assert levels[180] == "breaks"
    assert "largest --peak that keeps the limit of: p95 latency in the spike" in outcome.out


@together(found, takes_s=110)
def test_each_step_is_a_run_with_a_report_to_which_the_page_leads(outcome: Finished) -> None:
    page = (outcome.directory / "index.html").read_text()
    steps = limit(outcome)["steps"]
    assert len(steps) >= 3
    for step in steps:
        assert f'href="{step["run"]}/report.html"' in page
        assert (outcome.directory / step["run"] / "report.html").is_file()
        assert (outcome.directory / step["run"] / "recording.jsonl").is_file()
    assert "breaks" in (outcome.directory / "report.md").read_text()


@together(stopped_by_the_generator_and_then_by_ctrl_c, takes_s=30)
def test_a_saturated_generator_is_no_limit_and_ctrl_c_leaves_what_was_found(outcome: Finished) -> None:
    outcome.ended_well(code=4)
    assert outcome.told("limit.json")["outcome"] == "INCONCLUSIVE"
    first, *_ = limit(outcome)["steps"]
    assert first["says"] == "generator"
    assert first["guard"] == "generator_health"
    assert not first["counts"]
    assert "the search was stopped" in outcome.told("limit.json")["reason"]
