"""Whole runs with faults: injected in time, told everywhere, and undone however the run ends."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGSTOP

from harness.analysis.histogram import bucket_index
from harness.recording.marks import INJECTED, UNDONE
from tests import service
from tests.faults.victims import server
from tests.ports import free_port
from tests.probes.loopback import wait_for
from tests.run import runs
from tests.run.runs import SIGINT, SIGKILL, Finished
from tests.run.together import together

GONE_WITHIN_S = 5.0
"""What has ended then is not left over, however busy the machine was."""
LONG = ("--baseline-s", "1", "--spike-s", "30", "--recovery-s", "3")


@dataclass
class Outcome:
    done: Finished
    port: int = 0
    """Of the target."""
    requests: int = 0
    """That it got."""
    switched: list[str] = field(default_factory=list)
    """Methods of the requests at the other server."""


def scenario(directory: Path) -> Path:
    """As short as a scenario can be."""
    file = directory / "scenario.py"
    file.write_text(
        "import harness\n"
        "from harness.load.http import HerdHttpUser\n"
        "from harness.recording import CriterionSpec\n"
        "from shapes import herd\n"
        "class Visitor(HerdHttpUser):\n"
        "    def prepare(self):\n"
        "        return self.client.prepare('GET', '/')\n"
        "class Spike(herd.Herd):\n"
        "    baseline_s, herd_users, spike_s, recovery_s, canary_users = 2, 5, 2, 3, 5\n"
        "harness.attach('short', criteria=[CriterionSpec('error_ratio', {'limit': 1.0, 'phase': 'baseline'})])\n"
    )
    return file


def two_faults(directory: Path) -> Outcome:
    with service.running() as target, server() as other:
        port = free_port()
        fault = (
            f"tcp_proxy listen={port} to=127.0.0.1:{target.port} latency_ms=200 at=spike+0.5 for=2.5; "
            f"http_toggle url={other.url} token=hush at=recovery+1"
        )
        given = ("--fault", fault, *runs.ALL_REPORTS)
        run = runs.locust(directory, str(scenario(directory)), *given, host=f"http://127.0.0.1:{port}")
        return Outcome(run.wait(), target.port, switched=[mark[0] for mark in other.marks])


@together(two_faults)
def test_a_fault_is_in_the_recording_the_terminal_and_the_report(outcome: Outcome) -> None:
    done = outcome.done
    assert outcome.switched == ["PUT", "DELETE"]
    planned = {(1, INJECTED): 2.5, (1, UNDONE): 5.0, (2, INJECTED): 5.0, (2, UNDONE): 7.0}
    marks = {(mark.number, mark.event): mark.t for mark in done.recording.faults}
    assert marks.keys() == planned.keys()
    assert all(0 <= marks[key] - planned[key] < 1.0 for key in planned), marks
    assert [plan.fault for plan in done.recording.header.faults] == ["tcp_proxy", "http_toggle"]
    assert done.finding("faults_injected")["outcome"] == "PASS"
    assert "springback: fault tcp_proxy injected: 200 ms later" in done.err
    assert "springback: fault http_toggle undone: DELETE" in done.err
    assert "fault tcp_proxy injected: 200\u00a0ms later" in (done.directory / "report.html").read_text()
    kept = [path.read_text() for path in done.directory.iterdir() if path.suffix in (".jsonl", ".json", ".md")]
    assert not any("hush" in text for text in kept)
    read = [sample for sample in done.recording.probes if sample.probe == "process" and sample.error is None]
    sampled = {sample.source for sample in read}
    assert sampled == {f"port-{outcome.port}"}, "not the proxy, which is ours"
    slow = math.ceil(marks[1, INJECTED])
    fastest = {t: min(min(piece.latency) for piece in done.recording.slices if piece.t == t) for t in (1, slow)}
    assert bucket_index(100_000) > fastest[1], "microseconds of the quickest request"
    assert fastest[slow] >= bucket_index(200_000)


def ended(directory: Path, number: int) -> Finished:
    with service.running() as target, server() as victim:
        fault = f"stop_process port={victim.port} at=spike"
        run = runs.locust(directory, str(scenario(directory)), *LONG, "--fault", fault, host=target.url)
        run.until(lambda: "fault stop_process injected" in run.err, "the fault is injected")
        assert victim.is_stopped
        run.send(number)
        wait_for(lambda: victim.answers)
        return run.wait(gone_within_s=GONE_WITHIN_S)


@together(ended, number=[SIGINT, SIGKILL])
def test_a_run_that_is_ended_leaves_nothing_injected(outcome: Finished) -> None:
    assert not outcome.left_over


@together(ended, number=[SIGINT])
def test_a_run_that_is_stopped_says_when_the_fault_was_undone(outcome: Finished) -> None:
    outcome.ended_well(4)
    assert [mark.event for mark in outcome.recording.faults] == [INJECTED, UNDONE]
    assert "was undone at" in outcome.finding("faults_injected")["reason"]


def injector_hit(directory: Path, number: int) -> Finished:
    with service.running() as target, server() as victim:
        fault = f"stop_process port={victim.port} at=baseline"
        given = ("--fault", fault, "--recovery-s", "8")
        run = runs.locust(directory, str(scenario(directory)), *given, host=target.url)
        run.until(lambda: "fault stop_process injected" in run.err, "the fault is injected")
        (injector,) = [process for process in run.family if "harness.sidecar.injector_process" in process.cmdline()]
        injector.send_signal(number)
        wait_for(lambda: victim.answers)
        return run.wait(gone_within_s=GONE_WITHIN_S)


@together(injector_hit, number=[SIGKILL, SIGSTOP])
def test_an_injecting_process_that_is_killed_or_stopped_is_noticed_and_the_fault_undone(outcome: Finished) -> None:
    outcome.ended_well(4)
    finding = outcome.finding("faults_injected")
    assert finding["outcome"] == "INCONCLUSIVE" and "was undone at" in finding["reason"]
    assert outcome.finding("error_ratio")["voided_by"] == "faults_injected"


def nothing_to_stop(directory: Path) -> Outcome:
    with service.running() as target:
        fault = f"stop_process port={free_port()} at=spike"
        run = runs.locust(directory, str(scenario(directory)), "--fault", fault, host=target.url)
        return Outcome(run.wait(gone_within_s=GONE_WITHIN_S), requests=target.requests)


@together(nothing_to_stop)
def test_a_fault_that_finds_nothing_is_refused_before_any_load(outcome: Outcome) -> None:
    outcome.done.ended_well(2)
    assert outcome.requests == 0 and not outcome.done.directories
    assert "no process of this user listens on port" in outcome.done.err + outcome.done.out


def test_slips_are_said_at_once_and_before_anything_is_started(tmp_path: Path) -> None:
    fault = "nop at=1; stop_process port=80 at=spyke; noop at=spike for=99; http_toggle url=http://192.0.2.1/x at=1"
    done = runs.plan(tmp_path, str(scenario(tmp_path)), "--fault", fault)
    done.ended_well(2)
    for words in ("no fault 'nop'", "no such phase", "after the run", "--allow-host 192.0.2.1"):
        assert words in done.err
    with service.running() as switch:
        toggle = f"http_toggle url={switch.url}/x token=hush at=spike+1"
        done = runs.plan(tmp_path, str(scenario(tmp_path)), "--fault", toggle)
        assert switch.requests == 0, "it is connected to, and nothing is switched"
    done.ended_well(0)
    assert f"fault from 3 to 7 s: http_toggle url={switch.url}/x" in " ".join(done.out.split())
    assert "hush" not in done.out


def with_its_own_faults(directory: Path) -> Path:
    file = scenario(directory)
    text = file.read_text()
    text = text.replace("import harness\n", "import harness\nfrom harness.faults import PlannedFault, load\n", 1)
    faults = "[PlannedFault(load('noop', words=options.word), 'spike', 1)] if options.word else []"
    text = text.replace("harness.attach('short',", f"harness.attach('short', faults=lambda options: {faults},")
    file.write_text(text.replace("])\n", "], options=type('Options', (), {'word': ''}))\n"))
    return file


def of_the_scenario(directory: Path) -> Finished:
    with service.running() as target:
        file = with_its_own_faults(directory)
        return runs.locust(directory, str(file), "--word", "boo", host=target.url).wait()


@together(of_the_scenario)
def test_a_scenario_plans_its_own_faults(outcome: Finished) -> None:
    assert [mark.detail for mark in outcome.recording.faults] == ["boo", "nothing to undo"]
    assert json.loads((outcome.directory / "verdict.json").read_text())["outcome"] == "PASS"


def test_a_plan_says_that_the_scenario_has_faults_of_its_own(tmp_path: Path) -> None:
    done = runs.plan(tmp_path, str(with_its_own_faults(tmp_path)))
    done.ended_well(0)
    assert "faults: none with these options; the scenario may plan some" in " ".join(done.out.split())
