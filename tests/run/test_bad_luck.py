"""What goes wrong in a run: it ends by itself with a verdict, never with a PASS that nothing proves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.recording.values import UNSENT
from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

HERD, CANARIES = 20, 40


@dataclass
class Outcome:
    done: Finished
    served: int


def run(directory: Path, *arguments: str, behave: dict[str, float] | None = None, **variables: str) -> Outcome:
    with service.running(**(behave or {})) as target:  # type: ignore[arg-type]
        options = ("--health-path", "/healthz", *arguments)
        done = runs.locust(directory, "herd_http.py", *options, host=target.url, variables=variables).wait()
        return Outcome(done, target.requests)


def assert_inconclusive(done: Finished) -> None:
    done.ended_well(code=4)
    assert done.verdict["outcome"] == "INCONCLUSIVE"


# No evidence


def silent(directory: Path, way: str) -> Outcome:
    return run(directory, *(runs.processes(2) if way == "forked" else ()), ODD_USERS="silent")


@together(silent, way=["local", "forked"])
def test_users_that_send_nothing_prove_nothing(outcome: Outcome) -> None:
    assert_inconclusive(outcome.done)
    assert outcome.served == 0
    assert outcome.done.count() == outcome.done.count(UNSENT) == HERD + CANARIES, "each of them came"
    assert outcome.done.finding("error_ratio")["outcome"] == "INCONCLUSIVE"


# A target that fails


CAUSES = {503: "http 503", service.HANG_UP: "connection reset", service.HALF: "truncated answer"}


def failing(directory: Path, status: int) -> tuple[Outcome, str]:
    return run(directory, behave={"status": status}), CAUSES[status]


@together(failing, status=list(CAUSES))
def test_a_target_that_fails_every_request_fails_and_the_cause_is_said(outcome: tuple[Outcome, str]) -> None:
    done, served, cause = outcome[0].done, outcome[0].served, outcome[1]
    done.ended_well(code=3)
    assert done.verdict["outcome"] == "FAIL"
    assert done.count("ok") == 0
    assert done.count(cause) == done.count() == served == HERD + CANARIES
    assert {piece.outcome for piece in done.recording.slices} == {cause}


def still_starting(directory: Path) -> Outcome:
    """The service answers 503 when the run begins, and is healthy after it was asked twice."""
    with service.running(status=503) as target:
        arguments = ("--health-path", "/ready", "--wait-for-target", "30")
        run = runs.locust(directory, "herd_http.py", *arguments, host=target.url)
        run.until(lambda: target.counts().get("GET /ready", 0) > 1, "the service is asked again")
        assert "warm-up" not in run.err, "no user comes before it is healthy"
        target.behave(status=200)
        return Outcome(run.wait(), target.requests)


@together(still_starting)
def test_a_service_that_is_still_starting_is_waited_for(outcome: Outcome) -> None:
    outcome.done.ended_well(code=0)
    (before,) = (mark for mark in outcome.done.recording.health if mark.when == "before")
    assert before.ok and outcome.done.count("ok") == HERD + CANARIES


def herd_that_cannot_connect(directory: Path) -> Outcome:
    """The target listens when it is asked for its health, and is gone before anybody is parked."""
    with service.running() as target:
        arguments = ("--canary-per-s", "0", "--back-within-s", "1", "--baseline-s", "4")
        run = runs.locust(directory, "herd_http.py", *arguments, host=target.url)
        run.until_phase("warm-up")
        served = target.requests
        target.kill()
        return Outcome(run.wait(), served)


@together(herd_that_cannot_connect)
def test_a_herd_that_cannot_connect_is_no_pass(outcome: Outcome) -> None:
    done = outcome.done
    done.ended_well(code=done.verdict["exit_code"])
    assert done.code in (3, 4)
    assert outcome.served == 0 and done.count("ok") == 0
    assert done.count("connection refused") == HERD


def killed(directory: Path, way: str) -> Outcome:
    """The target dies in the spike and stays away."""
    forked = runs.processes(2) if way == "forked" else ()
    with service.running() as target:
        arguments = ("--health-path", "/healthz", "--back-within-s", "1", "--spike-s", "3", *forked)
        run = runs.locust(directory, "herd_http.py", *arguments, host=target.url)
        run.until(lambda: target.requests >= HERD + 10, "the herd has arrived")
        target.kill()
        return Outcome(run.wait(), 0)


@together(killed, way=["local", "forked"])
def test_a_target_that_dies_in_the_spike_is_no_crash_of_ours(outcome: Outcome) -> None:
    done = outcome.done
    done.ended_well(code=3)
    assert done.recording.end is not None and done.recording.end.completed
    assert done.count("connection refused") > 0
    after = [mark for mark in done.recording.health if mark.when == "after"]
    assert len(after) == 1 and not after[0].ok
    assert "connection refused" in done.finding("target_healthy")["reason"]


def frozen(directory: Path) -> Outcome:
    """The target stops answering in the recovery, and the connections stay open."""
    with service.running() as target:
        arguments = ("--drain-timeout-s", "1", "--back-within-s", "1", "--health-timeout-s", "1")
        run = runs.locust(
            directory, "herd_http.py", "--health-path", "/healthz", *arguments, "--recovery-s", "4", host=target.url
        )
        run.until_phase("recovery")
        target.freeze()
        return Outcome(run.wait(), 0)


@together(frozen)
def test_requests_without_an_answer_at_the_end_are_counted_as_unfinished(outcome: Outcome) -> None:
    done = outcome.done
    done.ended_well(code=done.verdict["exit_code"])
    assert done.code in (3, 4)
    end = done.recording.end
    assert end is not None
    # All five canaries wait for an answer; what came after had nobody to serve it.
    assert end.unfinished == done.count("unfinished") == 5
    assert done.count() == HERD + 10 * (1 + 1 + 4)
    assert done.count("unserved") > 0


# The account: every arrival that was planned is somewhere


def overloaded(directory: Path, way: str) -> Finished:
    forked = runs.processes(2) if way == "forked" else ()
    # Slow enough for the few users that there are, and so quick that a machine that is slower still leaves enough.
    with service.running(latency_ms=300 if forked else 200) as target:
        arguments = ("--pool-users", "2" if forked else "1", "--drain-timeout-s", "1", *forked)
        return runs.locust(directory, "crowd_http.py", *arguments, host=target.url).wait()


@together(overloaded, way=["local", "forked"])
def test_every_planned_arrival_was_served_or_is_counted_as_unserved_or_unfinished(outcome: Finished) -> None:
    outcome.ended_well(code=outcome.verdict["exit_code"])
    # 4/s for 1 s, up to 20/s in 1 s, 1 s of it, back in 1 s, 4/s for 1 s.
    planned = 4 + 12 + 20 + 12 + 4
    served, unserved, unfinished = (outcome.count(kind) for kind in ("ok", "unserved", "unfinished"))
    assert served + unserved + unfinished == planned
    assert unserved > 10 and served > 10
    assert [outcome.count(t=t) for t in range(5)] == [4, 12, 20, 12, 4]
