"""The scenario of the health pages on services whose pages are right, say nothing, or say too much."""

from __future__ import annotations

from pathlib import Path

from tests.run import runs
from tests.run.runs import Finished
from tests.run.services import served
from tests.run.together import together

SCENARIO = str(Path(__file__).parents[2] / "locustfiles" / "health_pages.py")
SHORT = ("--baseline-s", "3", "--hold-s", "9", "--recovery-s", "7", "--pool-users", "20")


def run(directory: Path, defect: str) -> Finished:
    with served("health_service", defect) as url:
        fault = f"http_toggle url={url}/dependency at=spike for=8.5"
        return runs.locust(directory, SCENARIO, *SHORT, "--fault", fault, host=url).wait()


def outcomes(done: Finished) -> dict[str, str]:
    return {each["criterion"]: each["outcome"] for each in done.verdict["findings"]}


@together(run, defect=[""])
def test_pages_that_are_right_pass(outcome: Finished) -> None:
    found = outcomes(outcome)
    assert {found[name] for name in ("readiness", "live_spike", "live_recovery")} == {"PASS"}, outcome.err[-3000:]
    assert found["failures_judged"] == "PASS"
    told = outcome.finding("readiness")
    assert told["figure"] <= 3 and [label[-5:] for label in told["evidence"]] == ["there", " gone"]


@together(run, defect=["silent"])
def test_a_readiness_page_that_says_nothing_fails(outcome: Finished) -> None:
    found = outcomes(outcome)
    assert (found["readiness"], found["live_spike"]) == ("FAIL", "PASS"), outcome.finding("readiness")
    assert "the page did not keep saying 'not ready'" in outcome.finding("readiness")["reason"]
    assert outcome.code == 3


@together(run, defect=["dies"])
def test_a_liveness_page_that_tells_of_a_dependency_fails(outcome: Finished) -> None:
    told = [outcome.finding(name) for name in ("readiness", "live_spike", "live_recovery")]
    assert [each["outcome"] for each in told] == ["PASS", "FAIL", "PASS"], [each["reason"] for each in told]
    assert outcome.code == 3
