"""What goes wrong in a run: it ends by itself with a verdict, never with a PASS that nothing proves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.recording import UNSENT
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
        arguments = ("--canary-per-s", "0", "--back-within-s", "1")
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
    with service.running(latency_ms=400) as target:
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


# Workers that come and go


def master_and_workers(directory: Path, target: service.Service, *arguments: str) -> tuple[runs.Run, list[runs.Run]]:
    port = str(runs.free_port())
    bind = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2")
    master = runs.locust(directory, "herd_http.py", *bind, *arguments, host=target.url)
    workers = [
        runs.locust(directory / str(k), "herd_http.py", "--worker", "--master-port", port, host=target.url)
        for k in range(2)
    ]
    return master, workers


def worker_killed(directory: Path) -> Finished:
    with service.running() as target:
        arguments = ("--spike-s", "4", "--recovery-s", "5", *runs.processes(2))
        run = runs.locust(directory, "herd_http.py", *arguments, host=target.url)
        run.until(lambda: target.requests >= HERD + 10, "the herd has arrived")
        run.workers()[0].kill()
        return run.wait()


@together(worker_killed)
def test_a_worker_that_was_killed_in_the_spike_makes_the_run_inconclusive_and_is_named(outcome: Finished) -> None:
    assert_inconclusive(outcome)
    (lost,) = (mark for mark in outcome.recording.node_events if mark.event == "lost")
    assert lost.node in ("worker-1", "worker-2")
    assert lost.node in outcome.finding("generator_health")["reason"]
    survivor = {"worker-1": "worker-2", "worker-2": "worker-1"}[lost.node]
    assert survivor in {mark.node for mark in outcome.recording.node_events if mark.event == "finished"}


def every_worker_killed(directory: Path) -> Finished:
    with service.running() as target:
        arguments = ("--baseline-s", "60", *runs.processes(2))
        run = runs.locust(directory, "herd_http.py", *arguments, host=target.url)
        run.until(lambda: runs.has_slice(run, 0), "the baseline goes")
        for worker in run.workers():
            worker.kill()
        return run.wait()


@together(every_worker_killed)
def test_a_run_without_workers_ends_long_before_its_time(outcome: Finished) -> None:
    assert_inconclusive(outcome)
    assert outcome.seconds < 50
    assert outcome.recording.end is not None and not outcome.recording.end.completed
    lost = {mark.node for mark in outcome.recording.node_events if mark.event == "lost"}
    assert lost == {"worker-1", "worker-2"}


def worker_terminated(directory: Path) -> Finished:
    with service.running() as target:
        master, workers = master_and_workers(directory, target, "--recovery-s", "4")
        master.until(lambda: target.requests >= HERD + 10, "the herd has arrived")
        workers[0].process.terminate()
        done = master.wait()
        for worker in workers:
            worker.wait(10)
        return done


@together(worker_terminated)
def test_a_worker_that_takes_leave_in_the_run_makes_it_inconclusive_and_is_named(outcome: Finished) -> None:
    assert_inconclusive(outcome)
    (lost,) = (mark for mark in outcome.recording.node_events if mark.event == "lost")
    assert lost.node in outcome.finding("generator_health")["reason"]


def late_worker(directory: Path) -> Finished:
    port = str(runs.free_port())
    with service.running() as target:
        bind = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "1")
        master = runs.locust(directory, "herd_http.py", *bind, "--baseline-s", "8", host=target.url)
        join = ("--worker", "--master-port", port)
        first = runs.locust(directory / "1", "herd_http.py", *join, host=target.url)
        master.until_phase("baseline")
        second = runs.locust(directory / "2", "herd_http.py", *join, host=target.url)
        done = master.wait()
        for worker in (first, second):
            worker.wait(10).ended_well(code=0)
        return done


@together(late_worker)
def test_a_worker_that_joins_late_is_marked_once_and_takes_no_part(outcome: Finished) -> None:
    assert_inconclusive(outcome)
    late = [mark for mark in outcome.recording.node_events if mark.event == "late"]
    assert [mark.node for mark in late] == ["worker-2"]
    assert "worker-2" in outcome.finding("generator_health")["reason"]
