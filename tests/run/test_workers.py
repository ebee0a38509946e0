"""Workers that come, go, lose their master, or run something else: named, and never part of a PASS."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests import service
from tests.ports import free_port
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

HERD = 20


def assert_inconclusive(done: Finished) -> None:
    done.ended_well(code=4)
    assert done.verdict["outcome"] == "INCONCLUSIVE"


def master_and_workers(
    directory: Path, target: service.Service, *arguments: str, scenario: str = "herd_http.py"
) -> tuple[runs.Run, list[runs.Run]]:
    port = str(free_port())
    bind = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2")
    master = runs.locust(directory, scenario, *bind, *arguments, host=target.url)
    workers = [
        runs.locust(directory / str(k), scenario, "--worker", "--master-port", port, host=target.url) for k in range(2)
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
        arguments = ("--baseline-s", "300", *runs.processes(2))
        run = runs.locust(directory, "herd_http.py", *arguments, host=target.url)
        run.until(lambda: runs.has_slice(run, 0), "the baseline goes")
        for worker in run.workers():
            worker.kill()
        return run.wait()


@together(every_worker_killed)
def test_a_run_without_workers_ends_long_before_its_time(outcome: Finished) -> None:
    assert_inconclusive(outcome)
    assert outcome.seconds < 120
    assert outcome.recording.end is not None and not outcome.recording.end.completed
    assert outcome.recording.end.reason == "every load process was lost", "nobody has stopped it"
    lost = {mark.node for mark in outcome.recording.node_events if mark.event == "lost"}
    assert lost == {"worker-1", "worker-2"}


def worker_leaves(directory: Path, number: signal.Signals) -> Finished:
    with service.running() as target:
        master, workers = master_and_workers(directory, target, "--recovery-s", "4")
        master.until(lambda: target.requests >= HERD + 10, "the herd has arrived")
        workers[0].send(number)
        done = master.wait()
        for worker in workers:
            worker.wait()
        return done


@together(worker_leaves, number=[signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_takes_leave_in_the_run_makes_it_inconclusive_and_is_named(outcome: Finished) -> None:
    assert_inconclusive(outcome)
    (lost,) = (mark for mark in outcome.recording.node_events if mark.event == "lost")
    assert lost.detail == "left before the end"
    assert lost.node in outcome.finding("generator_health")["reason"]


BASELINE_S = 60
"""Much longer than workers wait for a silent master, who count so many turns of theirs and not seconds: the herd would
be due after they have gone.
"""


@dataclass
class MasterGone:
    """What came of a master that was killed, or stopped, in the baseline."""

    workers: list[Finished]
    before: int
    """Requests until then."""
    requests: int
    """In all."""
    loaded_s: float
    """From then to the last request, by a clock of naps."""
    loaded_after_s: float
    """The same as it was."""
    gone_s: float
    """From then until the workers had ended, by the same."""
    gone_after_s: float
    """The same as it was."""


def master_gone(directory: Path, number: signal.Signals, scenario: str = "herd_http.py") -> MasterGone:
    with service.running() as target:
        master, workers = master_and_workers(directory, target, "--baseline-s", str(BASELINE_S), scenario=scenario)
        master.until(lambda: runs.has_slice(master, 0), "the baseline goes")
        began_s = time.monotonic()
        os.kill(master.process.pid, number)
        with runs.naps() as clock:
            before = requests = target.requests
            loaded_s = loaded_after_s = 0.0
            while any(worker.process.poll() is None for worker in workers) and clock.now_s < 30:
                if (now := target.requests) > requests:
                    loaded_s, loaded_after_s, requests = clock.now_s, time.monotonic() - began_s, now
                time.sleep(0.02)
            gone_s, gone_after_s = clock.now_s, time.monotonic() - began_s
        master.kill_all()
        ended = [worker.wait(1) for worker in workers]
        return MasterGone(ended, before, requests, loaded_s, loaded_after_s, gone_s, gone_after_s)


@together(master_gone, number=[signal.SIGKILL], scenario=["herd_http.py", "stock_fast.py"])
def test_workers_whose_master_was_killed_stop_at_once_and_release_no_herd(outcome: MasterGone) -> None:
    assert outcome.loaded_s < 1 and outcome.gone_s < 4
    assert outcome.requests - outcome.before <= 10 * outcome.loaded_after_s + 5, (
        "a few more, and nobody's share of a herd"
    )
    for worker in outcome.workers:
        worker.ended_well(code=4)
        assert "the connection to the master has ended: this worker ends" in worker.err


@together(master_gone, number=[signal.SIGSTOP])
def test_workers_whose_master_says_nothing_stop_after_a_few_seconds(outcome: MasterGone) -> None:
    assert outcome.loaded_after_s > 8 and outcome.loaded_s < 13 and outcome.gone_s < 16
    assert outcome.requests - outcome.before <= 10 * (outcome.gone_after_s + 1), "canaries of the baseline, and no herd"
    for worker in outcome.workers:
        worker.ended_well(code=4)
        assert "the master has said nothing for 10 s: this worker ends" in worker.err


def late_worker(directory: Path) -> Finished:
    port = str(free_port())
    with service.running() as target:
        bind = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "1")
        master = runs.locust(directory, "herd_http.py", *bind, "--baseline-s", "8", host=target.url)
        join = ("--worker", "--master-port", port)
        first = runs.locust(directory / "1", "herd_http.py", *join, host=target.url)
        master.until_phase("baseline")
        second = runs.locust(directory / "2", "herd_http.py", *join, host=target.url)
        done = master.wait()
        for worker in (first, second):
            worker.wait().ended_well(code=0)
        return done


@together(late_worker)
def test_a_worker_that_joins_late_is_marked_once_and_takes_no_part(outcome: Finished) -> None:
    assert_inconclusive(outcome)
    end = outcome.recording.end
    assert end is not None and end.completed and end.unfinished == 0, "no user was stopped to make room for it"
    assert outcome.count() == outcome.count("ok") == HERD + 10 * (8 + 1 + 2)
    late = [mark for mark in outcome.recording.node_events if mark.event == "late"]
    assert [mark.node for mark in late] == ["worker-2"]
    assert "worker-2" in outcome.finding("generator_health")["reason"]


# Workers that run something else


@dataclass
class Refused:
    master: Finished
    requests: int
    """That reached the service, whoever sent them."""
    what: str


PLAIN = """
from locust import HttpUser, task
class Visitor(HttpUser):
    @task
    def visit(self):
        self.client.get("/")
"""


def other_worker(directory: Path, what: str) -> Refused:
    """A master with two workers, one of which runs something else, as an older copy of the file on another machine."""
    given, own = directory / "given" / "own.py", directory / "own.py"
    given.parent.mkdir()
    given.write_text("import pages\n" + (runs.SCENARIOS / "herd_http.py").read_text())
    shutil.copy(given, own)
    for file in (given, own):
        (file.parent / "pages.py").write_text("PATH = '/'\n")
    match what:
        case "plain":
            own.write_text(PLAIN)
        case "changed":
            own.write_text(own.read_text() + "\n# one line more\n")
        case "scenario":
            own.write_text(own.read_text().replace('"herd-http"', '"other-herd-http"'))
        case "class":
            own.write_text(own.read_text().replace("class Visitor(", "class Guest("))
        case "module":
            (directory / "pages.py").write_text("PATH = '/other'\n")
    port = str(free_port())
    with service.running() as target:
        bind = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2")
        master = runs.locust(directory, str(given), *bind, host=target.url)
        # What runs plain Locust is plain Locust.
        workers = [
            runs.start(
                directory / str(number),
                [str(runs.BIN / "locust"), "-f", str(file), "--worker", "--master-port", port],
                forked=file is given or what != "plain",
            )
            for number, file in enumerate((given, own))
        ]
        done = master.wait()
        for worker in workers:
            worker.wait()
        return Refused(done, target.requests, what)


WHAT = {
    "plain": "has not answered within 10 s: it runs plain Locust",
    "changed": "would run something else: locustfile ",
    "scenario": "would run something else: scenario other-herd-http, and herd-http at the master; locustfile ",
    "class": "would run something else: locustfile ",
    "module": "would run something else: imported modules pages ",
}


@together(other_worker, what=list(WHAT))
def test_a_worker_that_runs_something_else_is_named_and_the_run_does_not_start(outcome: Refused) -> None:
    outcome.master.ended_well(code=2)
    assert outcome.requests == 0
    assert not outcome.master.directories
    named = set(re.findall(r"worker-\d \(on [^)]*\)", outcome.master.err))
    assert len(named) == 1, "the other one is as it should be"
    if outcome.what == "class":
        assert "user classes Guest, and Visitor at the master" in outcome.master.err
    assert f"{named.pop()} {WHAT[outcome.what]}" in outcome.master.err


def plain_master(directory: Path) -> tuple[Finished, int]:
    file = directory / "own.py"
    file.write_text((runs.SCENARIOS / "herd_http.py").read_text().partition("harness.attach(")[0])
    port = str(free_port())
    with service.running() as target:
        bind = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "1")
        command = [sys.executable, "-P", "-m", "locust", "-f", str(file), "--headless", "--host", target.url, *bind]
        master = runs.start(directory, command)
        worker = runs.locust(directory / "1", "herd_http.py", "--worker", "--master-port", port, host=target.url)
        done = worker.wait()
        master.kill_all()
        return done, target.requests


@together(plain_master)
def test_a_worker_whose_master_runs_plain_locust_says_so_and_does_not_wait_for_ever(
    outcome: tuple[Finished, int],
) -> None:
    done, requests = outcome
    done.ended_well(code=2)
    assert requests == 0
    assert "the master runs plain Locust, or another locustfile" in done.err
