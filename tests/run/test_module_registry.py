"""The scenario of the module registry on a service whose cache forgets by pattern, and on one whose cache does not."""

from __future__ import annotations

from pathlib import Path

from tests.run import runs
from tests.run.runs import Finished
from tests.run.services import served
from tests.run.together import together

SCENARIO = str(Path(__file__).parents[2] / "locustfiles" / "module_registry.py")
SHORT = (
    "--baseline-s",
    "3",
    "--hold-s",
    "8",
    "--recovery-s",
    "2",
    "--base",
    "20",
    "--peak",
    "60",
    "--pool-users",
    "10",
)
FORGOTTEN = "stale_versions", "lost_pattern_invalidations"


def run(directory: Path, defect: str) -> Finished:
    with served("module_service", defect) as url:
        versions = () if defect == "no page" else ("--versions-path", "/versions")
        return runs.locust(directory, SCENARIO, *SHORT, *versions, host=url).wait()


@together(run, defect=[""])
def test_a_cache_that_forgets_by_pattern_passes(outcome: Finished) -> None:
    for name in FORGOTTEN:
        found = outcome.finding(name)
        assert (found["outcome"], found["figure"]) == ("PASS", 0), found
    assert outcome.finding("stale_versions")["evidence"]["reads that could have been stale"] > 20
    judged = {each["criterion"] for each in outcome.verdict["findings"] if each["criterion"].startswith("p95 ")}
    assert len(judged) == 7, judged  # of the nine without --valkey


@together(run, defect=["keeps"])
def test_a_page_of_versions_that_is_not_forgotten_fails(outcome: Finished) -> None:
    assert {outcome.finding(name)["outcome"] for name in FORGOTTEN} == {"FAIL"}
    assert outcome.code == 3


@together(run, defect=["no page"])
def test_a_service_without_a_page_of_versions_is_not_asked_for_it(outcome: Finished) -> None:
    assert outcome.finding("error_ratio")["outcome"] == "PASS"
    assert not {each["criterion"] for each in outcome.verdict["findings"]} & set(FORGOTTEN)
