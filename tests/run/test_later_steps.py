"""What users send after their first request, and when they are stopped: no failure of it is said nowhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.recording.values import OK
from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together


def run(directory: Path, way: str) -> tuple[str, Finished]:
    steps, _, forked = way.partition(", ")
    variables = {"PROFILE": "200", "LOGOUT": "200", steps.upper(): "503"}
    processes = runs.processes(2) if forked else ()
    with service.running() as target:
        arguments = ("--health-path", "/healthz", *processes)
        return way, runs.locust(directory, "later_steps.py", *arguments, host=target.url, variables=variables).wait()


def by_name(done: Finished) -> Counter[tuple[str, str]]:
    """(name, outcome) → requests in the phases."""
    counts: Counter[tuple[str, str]] = Counter()
    for piece in done.recording.slices:
        counts[piece.name, piece.outcome] += piece.count
    return counts


@together(run, way=["profile", "profile, forked"])
def test_a_second_step_that_fails_for_the_whole_herd_fails_the_spike(outcome: tuple[str, Finished]) -> None:
    """Though it was sent in the recovery, and each login was good."""
    _, done = outcome
    done.ended_well(code=3)
    assert by_name(done)["GET /profile", "http 503"] == 20
    assert {piece.t for piece in done.recording.slices if piece.name == "GET /profile"} == {2}, "the herd's second"
    finding = done.finding("error_ratio")
    assert finding["outcome"] == "FAIL" and "20 of 4" in finding["reason"]


@together(run, way=["logout", "logout, forked"])
def test_requests_of_users_that_are_stopped_are_recorded_and_no_pass_when_they_fail(
    outcome: tuple[str, Finished],
) -> None:
    _, done = outcome
    done.ended_well(code=4)
    recording = done.recording
    assert not [piece for piece in recording.slices if piece.name == "POST /logout"]
    assert sum(piece.count for piece in recording.wind_down if piece.outcome == "http 503") == 25
    assert recording.end is not None
    assert recording.end.requests == done.count() + 25
    finding = done.finding("wind_down_healthy")
    assert finding["outcome"] == "INCONCLUSIVE" and "25 of 25 requests" in finding["reason"]
    assert done.finding("run_complete")["outcome"] == done.finding("error_ratio")["outcome"] == "PASS"
    assert any(note.startswith("Wind-down: users made 25 requests") for note in done.verdict["notes"])


@together(run, way=["nothing"])
def test_when_all_of_it_goes_well_it_passes(outcome: tuple[str, Finished]) -> None:
    _, done = outcome
    done.ended_well(code=0)
    assert by_name(done)["GET /profile", OK] == 20
    assert sum(piece.count for piece in done.recording.wind_down if piece.outcome == OK) == 25
