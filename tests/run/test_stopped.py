"""Runs that are stopped, in every phase and in every way: the recording is closed, the report written, nobody left."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests import service
from tests.ports import free_port
from tests.run import runs
from tests.run.runs import SIGINT, SIGKILL, SIGTERM, Finished, Run
from tests.run.together import together

STOPPED = {SIGINT: "stopped by Ctrl-C (SIGINT)", SIGTERM: "stopped by SIGTERM"}

LONG = ("--baseline-s", "4", "--spike-s", "8", "--recovery-s", "8")
"""A spike long enough to be hit in the middle."""
LENGTHS = {"warm-up": (2, 2, 2), "baseline": (8, 2, 2), "spike": (2, 8, 2), "recovery": (2, 2, 8), "drain": (2, 2, 4)}
"""Seconds of baseline, spike and recovery where that phase is to be hit."""


@dataclass
class Outcome:
    done: Finished
    after_s: float
    """Between the signal and the end."""
    served: int = 0
    number: signal.Signals = SIGINT
    """The signal that was sent."""
    reports: frozenset[str] = frozenset()
    """Files that have to be there."""


REPORTS = {
    runs.ALL_REPORTS: frozenset({"report.html", "report.md", "junit.xml", "verdict.json"}),
    runs.VERDICT_ONLY: frozenset({"verdict.json"}),
}


def lengths(phase: str) -> tuple[str, ...]:
    baseline_s, spike_s, recovery_s = map(str, LENGTHS[phase])
    return "--baseline-s", baseline_s, "--spike-s", spike_s, "--recovery-s", recovery_s


def stopped(directory: Path, phase: str, number: signal.Signals, way: str) -> Outcome:
    forked = runs.processes(2) if way == "forked" else ()
    # While the front page has no answer, users that are parked are asked to do so in another way: the warm-up lasts.
    with service.running(latency_ms=60_000 if phase == "warm-up" else 0) as target:
        formats = runs.ALL_REPORTS if (phase, number, way) == ("spike", SIGINT, "forked") else runs.VERDICT_ONLY
        run = runs.locust(directory, "herd_http.py", *lengths(phase), *forked, *formats, host=target.url)
        reach(run, phase, target, LENGTHS[phase])
        began_s = time.monotonic()
        # A Ctrl-C in a terminal goes to the whole group.
        run.send_in(phase, number, group=number == SIGINT and way == "forked")
        done = run.wait(gone_within_s=2)
        return Outcome(done, time.monotonic() - began_s, target.requests, number, REPORTS[formats])


def reach(run: Run, phase: str, target: service.Service, lengths_s: tuple[int, int, int] = (4, 8, 8)) -> None:
    """Waits until the run is in this phase."""
    match phase:
        case "warm-up":
            run.until_phase("warm-up")
        case "drain":
            run.until_phase("recovery")
            target.behave(latency_ms=60_000)
            run.until_phase("drain")
        case _:
            run.until_phase(phase)
            baseline_s, spike_s, _ = lengths_s
            second = {"baseline": 0, "spike": baseline_s, "recovery": baseline_s + spike_s}[phase]
            run.until(lambda: runs.has_slice(run, second), f"second {second} recorded")


def assert_closed(outcome: Outcome, reason: str) -> None:
    done = outcome.done
    done.ended_well(code=4)
    recording = done.recording
    assert not recording.damage
    assert recording.end is not None and not recording.end.completed
    assert recording.end.reason == reason
    assert done.count() == recording.end.requests + recording.end.unfinished + done.count("unserved")
    assert recording.end.requests == outcome.served - done.count("unfinished")
    assert done.verdict["outcome"] == "INCONCLUSIVE"
    assert {path.name for path in done.directory.iterdir()} == {"recording.jsonl", *outcome.reports}
    assert reason in done.finding("run_complete")["reason"]


PHASES = ["warm-up", "baseline", "spike", "recovery"]


@together(stopped, phase=PHASES, number=[SIGINT], way=["local", "forked"])
def test_a_run_that_gets_ctrl_c_is_closed_and_reported(outcome: Outcome) -> None:
    assert_closed(outcome, "stopped by Ctrl-C (SIGINT)")
    assert outcome.after_s < 20


# Where workers get no signal of their own, and once where there are none.
@together(stopped, phase=PHASES, number=[SIGTERM], way=["forked"])
def test_a_master_that_is_terminated_is_closed_and_reported(outcome: Outcome) -> None:
    assert_closed(outcome, "stopped by SIGTERM")
    assert outcome.after_s < 20


@together(stopped, phase=["spike"], number=[SIGTERM], way=["local"])
def test_a_run_that_is_terminated_is_closed_and_reported(outcome: Outcome) -> None:
    assert_closed(outcome, "stopped by SIGTERM")


@together(stopped, phase=["drain"], number=[SIGINT], way=["local", "forked"])
def test_a_run_that_is_stopped_while_it_waits_for_the_last_answers_counts_them_as_unfinished(outcome: Outcome) -> None:
    done = outcome.done
    assert done.recording.end is not None
    # All phases are over, so it is complete, and the spike was answered; what had no answer is counted. That the target
    # still answers nobody is what fails.
    done.ended_well(code=3)
    failed = [each["kind"] for each in done.verdict["findings"] if each["outcome"] == "FAIL"]
    assert failed == ["target_healthy"]
    assert done.recording.end.completed
    assert done.recording.end.unfinished == 5
    assert done.count("unfinished") == done.recording.end.unfinished
    assert done.count() == outcome.served + done.count("unserved")


def stopped_twice(directory: Path, way: str, canary_per_s: int = 0) -> Outcome:
    """The service does not answer any more, so that the first Ctrl-C waits for it, and the second for nobody."""
    forked = runs.processes(2) if way == "forked" else ()
    with service.running() as target:
        patient = ("--drain-timeout-s", "60", "--canary-per-s", str(canary_per_s), *LONG)
        run = runs.locust(directory, "herd_http.py", *patient, *forked, host=target.url)
        run.until_phase("baseline")
        target.behave(latency_ms=120_000)
        before = target.requests
        run.until(lambda: target.requests >= before + 20, "the herd waits for its answers")
        run.until_phase("spike")
        hit_s = time.monotonic() + (1.5 if canary_per_s else 0)  # until canaries of the spike wait for a free user
        run.until(lambda: time.monotonic() > hit_s, "canaries are due")
        run.send_in("spike", SIGINT, group=way == "forked")
        said = time.monotonic()
        run.until(lambda: time.monotonic() > said + 1, "a person presses again")
        assert run.process.poll() is None, "the first one waits for answers"
        began_s = time.monotonic()
        (os.killpg if way == "forked" else os.kill)(run.process.pid, SIGINT)
        done = run.wait(gone_within_s=2)
        return Outcome(done, time.monotonic() - began_s, target.requests)


@together(stopped_twice, way=["local", "forked"])
def test_a_second_ctrl_c_waits_for_no_answer_and_still_closes_the_recording(outcome: Outcome) -> None:
    # What the operator's stop cut off is not the service's failure, and proves nothing.
    outcome.done.ended_well(code=4)
    assert outcome.done.verdict["outcome"] == "INCONCLUSIVE"
    assert outcome.after_s < 15
    end = outcome.done.recording.end
    assert end is not None and not end.completed and end.reason == "stopped by Ctrl-C (SIGINT)"
    assert end.unfinished == outcome.done.count("unfinished") == 20
    assert not any(mark.event == "lost" for mark in outcome.done.recording.node_events)


def stopped_twice_with_canaries(directory: Path) -> Outcome:
    return stopped_twice(directory, "local", canary_per_s=10)


@together(stopped_twice_with_canaries)
def test_arrivals_that_still_wait_for_a_user_at_the_stop_are_no_failures(outcome: Outcome) -> None:
    assert outcome.done.count("unserved") > 5
    outcome.done.ended_well(code=4)


def stopped_without_workers(directory: Path, number: signal.Signals) -> Outcome:
    port = str(free_port())
    with service.running() as target:
        bind = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2")
        master = runs.locust(directory, "herd_http.py", *bind, host=target.url)
        worker = runs.locust(directory / "w", "herd_http.py", "--worker", "--master-port", port, host=target.url)
        master.until(lambda: "1 workers connected" in master.err, "the first worker is there")
        began_s = time.monotonic()
        master.send(number)
        done = master.wait()
        worker.wait().ended_well(code=0)
        return Outcome(done, time.monotonic() - began_s, number=number)


@together(stopped_without_workers, number=[SIGINT, SIGTERM])
def test_a_master_that_still_waits_for_workers_is_no_pass_and_takes_those_it_has_along(outcome: Outcome) -> None:
    outcome.done.ended_well(code=4)
    assert f"springback: {STOPPED[outcome.number]} before there was a run; nothing is proven" in outcome.done.err
    assert not outcome.done.directories


def launched(directory: Path, number: signal.Signals) -> Outcome:
    """By ``springback run``, which hands the signal on; killed, it cannot."""
    with service.running() as target:
        formats = runs.ALL_REPORTS if number == SIGINT else runs.VERDICT_ONLY
        options = ("--host", target.url, "--runs-dir", str(directory / "runs"), *LONG, *runs.UNHURRIED, *formats)
        run = runs.springback(directory, "run", str(runs.SCENARIOS / "herd_http.py"), *options)
        reach(run, "spike", target)
        began_s = time.monotonic()
        run.send_in("spike", number)
        done = run.wait(gone_within_s=30 if number == SIGKILL else 1)
        return Outcome(done, time.monotonic() - began_s, target.requests, number, REPORTS[formats])


@together(launched, number=[SIGINT, SIGTERM])
def test_the_launcher_hands_a_signal_on_and_returns_the_verdict(outcome: Outcome) -> None:
    assert_closed(outcome, STOPPED[outcome.number])


@together(launched, number=[SIGKILL])
def test_a_run_whose_launcher_was_killed_ends_by_itself_with_its_report(outcome: Outcome) -> None:
    outcome.done.ended_well(code=-SIGKILL)
    end = outcome.done.recording.end
    assert end is not None and end.reason == "stopped because its launcher was killed"
    assert outcome.done.verdict["outcome"] == "INCONCLUSIVE"


def idle_launcher_killed(directory: Path, way: str) -> Finished:
    """A web UI that nobody has used, or a worker without work."""
    port = str(free_port())
    scenario = str(runs.SCENARIOS / "herd_http.py")
    with service.running() as target:
        if way == "web":
            arguments = ("--web", "--web-port", port, "--host", target.url)
            run = runs.springback(directory, "run", scenario, *arguments)
            run.until(lambda: "Starting web interface" in run.err, "the web UI is up")
            run.send(SIGKILL)
            return run.wait(gone_within_s=30)
        bind = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "9")
        master = runs.locust(directory / "m", "herd_http.py", *bind, host=target.url)
        join = ("--worker", "--master-port", port, "--host", target.url)
        worker = runs.springback(directory, "run", scenario, *join)
        master.until(lambda: "1 workers connected" in master.err, "the worker is there")
        worker.send(SIGKILL)
        done = worker.wait(gone_within_s=30)
        master.send(SIGINT)
        master.wait()
        return done


@together(idle_launcher_killed, way=["web", "worker"])
def test_neither_a_web_ui_nor_a_worker_outlives_its_launcher(outcome: Finished) -> None:
    outcome.ended_well(code=-SIGKILL)


def master_killed(directory: Path) -> tuple[Finished, Finished]:
    """A master with forked workers, killed in the spike; then its recording judged."""
    with service.running() as target:
        options = (*LONG, *runs.processes(2))
        run = runs.locust(directory, "herd_http.py", *options, host=target.url, from_nothing=True)
        reach(run, "spike", target)
        workers = run.workers()
        assert len(workers) == 2
        run.send_in("spike", SIGKILL)
        run.process.wait()
        run.until_gone(workers, 5)
        done = run.wait(5, gone_within_s=15)
        return done, runs.springback(directory / "check", "check", str(done.directory), forked=True).wait()


@together(master_killed)
def test_forked_workers_and_the_sampler_go_away_with_a_master_that_was_killed(
    outcome: tuple[Finished, Finished],
) -> None:
    done, _ = outcome
    done.ended_well(code=-SIGKILL)
    assert "the connection to the master has ended: this worker ends" in done.err


@together(master_killed)
def test_the_recording_of_a_master_that_was_killed_is_judged_up_to_there(
    outcome: tuple[Finished, Finished],
) -> None:
    done, judged = outcome
    assert done.recording.end is None
    assert done.count() > 20
    judged.ended_well(code=4)
    assert "the recording has no end: the run was killed" in " ".join(judged.out.split())


def standard_error_closed(directory: Path) -> Finished:
    """As ``springback run … 2>&1 | head -1`` does."""
    reading, writing = os.pipe()
    with service.running() as target:
        run = runs.locust(directory, "herd_http.py", host=target.url, from_nothing=True, stderr=writing, stdout=writing)
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        return run.wait()


@together(standard_error_closed)
def test_a_reader_that_goes_away_does_not_stop_the_run_from_ending(outcome: Finished) -> None:
    assert outcome.code in (0, 4)
    assert not outcome.left_over
    assert outcome.recording.end is not None and outcome.recording.end.completed


def hung(directory: Path, number: signal.Signals, scenario: str) -> Finished:
    """The service does not answer the spike any more. The run is stopped, or killed, later, and then judged."""
    with service.running() as target:
        lengths_s = ("--baseline-s", "2", "--spike-s", "2", "--recovery-s", "30", "--drain-timeout-s", "1")
        run = runs.locust(directory, scenario, *lengths_s, "--canary-per-s", "0", host=target.url)
        run.until_phase("baseline")
        target.behave(latency_ms=600_000)
        run.until_phase("recovery")
        run.until(lambda: runs.told_unanswered(run), "the load process has told who waits")
        run.send_in("recovery", number)
        done = run.wait(gone_within_s=15)
        if number == SIGKILL:
            runs.springback(directory / "report", "report", str(done.directory), *runs.VERDICT_ONLY, forked=True).wait()
        return done


@together(hung, number=[SIGINT, SIGTERM, SIGKILL], scenario=["herd_http.py", "stock.py"])
def test_users_that_wait_when_the_run_ends_are_in_its_findings_however_it_ends(outcome: Finished) -> None:
    errors = outcome.finding("error_ratio")
    assert errors["outcome"] == "INCONCLUSIVE", errors
    assert errors["evidence"]["no answer when the run was cut off"] >= 8
    assert errors["interval"]["high"] > 0.3
