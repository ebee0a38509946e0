"""The stream beside a herd in real runs: too few users of ours are not the target's fault, and do not excuse it."""

from __future__ import annotations

from pathlib import Path

from harness.analysis import phases
from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together


def herd(directory: Path, users: int, latency_ms: int) -> Finished:
    variables = {"CANARY_USERS": str(users), "LATENCY_MS": str(latency_ms)}
    with service.running() as target:
        arguments = ("--enough-users-limit", "0.01", "--drain-timeout-s", "3.5")
        return runs.locust(directory, "few_users.py", *arguments, host=target.url, variables=variables).wait()


def few(directory: Path) -> Finished:
    return herd(directory, 2, 500)


@together(few)
def test_two_users_for_ten_arrivals_a_second_prove_nothing_about_a_target_that_takes_half_a_second(
    outcome: Finished,
) -> None:
    outcome.ended_well(code=4)
    recovery = outcome.finding("recovery")
    assert recovery["outcome"] == "INCONCLUSIVE" and "had been FAIL" in recovery["reason"]
    guard = outcome.finding("enough_users")
    assert guard["outcome"] == "INCONCLUSIVE" and guard["figure"] > 0.5
    assert "give them about 6 users" in guard["reason"] or "give them about 5 users" in guard["reason"]
    assert "arrivals that waited for a free user" in outcome.out.splitlines()[2], "it names the cause"


def enough(directory: Path) -> Finished:
    return herd(directory, 30, 500)


@together(enough)
def test_with_enough_of_them_it_passes_and_what_they_did_to_get_ready_is_in_no_phase(outcome: Finished) -> None:
    outcome.ended_well(code=0)
    assert outcome.finding("enough_users")["figure"] == 0
    assert outcome.finding("spike_delivered")["figure"] == 1
    recording = outcome.recording
    assert {piece.name for piece in recording.slices} == {"POST /visit"}
    assert {piece.name for piece in recording.warm_up} == {"GET /form"}
    assert any(piece.t >= 0 for piece in recording.warm_up), (
        "also of those who got ready again in the course of the run"
    )
    baseline = recording.phase("baseline")
    assert baseline is not None and phases.of_phase(recording, baseline).intended == 30
    assert any(note.startswith("Warm-up: users made") for note in outcome.verdict["notes"])


def slow(directory: Path) -> Finished:
    return herd(directory, 2, 3000)


@together(slow, takes_s=20)
def test_a_target_that_takes_three_seconds_fails_however_few_our_users_are(outcome: Finished) -> None:
    """By its answers to the herd; its figure is that of the target, without the wait. Of the recovery nothing is known,
    because nobody was free to ask.
    """
    outcome.ended_well(code=3)
    spike = outcome.finding("spike")
    assert spike["outcome"] == "FAIL" and 2.9 < spike["figure"] < 3.5
    assert outcome.finding("recovery")["outcome"] == "INCONCLUSIVE"
    delivered = outcome.finding("spike_delivered")
    assert delivered["outcome"] == "INCONCLUSIVE" and delivered["reason"].startswith("arrivals")
    assert outcome.finding("enough_users")["outcome"] == "INCONCLUSIVE"
