"""Whole runs with faults: injected in time, told everywhere, and undone however the run ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.analysis.histogram import bucket_index
from harness.recording import INJECTED, UNDONE
from tests import service
from tests.faults.victims import server
from tests.probes.loopback import free_port, wait_for
from tests.run import runs
from tests.run.runs import SIGINT, SIGKILL

LONG = ("--baseline-s", "1", "--spike-s", "30", "--recovery-s", "3")


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    yield
    runs.kill_going()


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


def test_a_fault_is_in_the_recording_the_terminal_and_the_report(tmp_path: Path) -> None:
    with service.running() as target, server() as other:
        port = free_port()
        fault = (
            f"tcp_proxy listen={port} to=127.0.0.1:{target.port} latency_ms=200 at=spike+0.5 for=2.5; "
            f"http_toggle url={other.url} token=hush at=recovery+1"
        )
        given = ("--fault", fault, *runs.ALL_REPORTS)
        run = runs.locust(tmp_path, str(scenario(tmp_path)), *given, host=f"http://127.0.0.1:{port}")
        done = run.wait()
        assert [mark[0] for mark in other.marks] == ["PUT", "DELETE"]
    planned = {(1, INJECTED): 2.5, (1, UNDONE): 5.0, (2, INJECTED): 5.0, (2, UNDONE): 7.0}
    marks = {(mark.number, mark.event): mark.t for mark in done.recording.faults}
    assert marks.keys() == planned.keys()
    assert all(0 <= marks[key] - planned[key] < 1.0 for key in planned), marks
    assert [plan.fault for plan in done.recording.header.faults] == ["tcp_proxy", "http_toggle"]
    assert done.finding("faults_injected")["outcome"] == "PASS"
    assert "springback: fault tcp_proxy injected: 200 ms later" in done.err
    assert "springback: fault http_toggle undone: DELETE" in done.err
    assert "fault tcp_proxy injected: 200 ms later" in (done.directory / "report.html").read_text()
    kept = [path.read_text() for path in done.directory.iterdir() if path.suffix in (".jsonl", ".json", ".md")]
    assert not any("hush" in text for text in kept)
    sampled = {sample.source for sample in done.recording.probes if sample.probe == "process"}
    assert sampled == {f"port-{target.port}"}, "not the proxy, which is ours"
    fastest = {t: min(min(piece.latency) for piece in done.recording.slices if piece.t == t) for t in (1, 3)}
    assert bucket_index(20_000) > fastest[1], "microseconds of the quickest request"
    assert fastest[3] >= bucket_index(200_000)


@pytest.mark.parametrize("number", [SIGINT, SIGKILL])
def test_a_run_that_is_ended_leaves_nothing_injected(tmp_path: Path, number: int) -> None:
    with service.running() as target, server() as victim:
        fault = f"stop_process port={victim.port} at=spike"
        run = runs.locust(tmp_path, str(scenario(tmp_path)), *LONG, "--fault", fault, host=target.url)
        run.until(lambda: "fault stop_process injected" in run.err, "the fault is injected")
        assert victim.is_stopped
        run.send(number)
        wait_for(lambda: victim.answers, 20)
        done = run.wait(gone_within_s=5)
        assert not done.left_over
    if number == SIGINT:
        done.ended_well(4)
        assert [mark.event for mark in done.recording.faults] == [INJECTED, UNDONE]
        assert "was undone at" in done.finding("faults_injected")["reason"]


def test_the_injecting_process_killed_is_noticed_and_the_fault_undone(tmp_path: Path) -> None:
    with service.running() as target, server() as victim:
        fault = f"stop_process port={victim.port} at=baseline"
        run = runs.locust(tmp_path, str(scenario(tmp_path)), "--fault", fault, host=target.url)
        run.until(lambda: "fault stop_process injected" in run.err, "the fault is injected")
        (injector,) = [process for process in run.family if "harness.sidecar.injector" in process.cmdline()]
        injector.kill()
        wait_for(lambda: victim.answers)
        done = run.wait(gone_within_s=2)
        done.ended_well(4)
    finding = done.finding("faults_injected")
    assert finding["outcome"] == "INCONCLUSIVE" and "was undone at" in finding["reason"]
    assert done.finding("error_ratio")["voided_by"] == "faults_injected"


def test_a_fault_that_finds_nothing_is_refused_before_any_load(tmp_path: Path) -> None:
    with service.running() as target:
        fault = f"stop_process port={free_port()} at=spike"
        run = runs.locust(tmp_path, str(scenario(tmp_path)), "--fault", fault, host=target.url)
        done = run.wait(gone_within_s=2)
        done.ended_well(2)
        assert target.requests == 0 and not done.directories
    assert "no process of this user listens on port" in done.err + done.out


def test_slips_are_said_at_once_and_before_anything_is_started(tmp_path: Path) -> None:
    fault = "nop at=1; stop_process port=80 at=spyke; noop at=spike for=99; http_toggle url=http://192.0.2.1/x at=1"
    done = runs.springback(tmp_path, "plan", str(scenario(tmp_path)), "--fault", fault).wait()
    done.ended_well(2)
    for words in ("no fault 'nop'", "no such phase", "after the run", "--allow-host 192.0.2.1"):
        assert words in done.err
    with service.running() as switch:
        toggle = f"http_toggle url={switch.url}/x token=hush at=spike+1"
        done = runs.springback(tmp_path, "plan", str(scenario(tmp_path)), "--fault", toggle).wait()
        assert switch.requests == 0, "it is connected to, and nothing is switched"
    done.ended_well(0)
    assert f"fault from 3 to 7 s: http_toggle url={switch.url}/x" in " ".join(done.out.split())
    assert "hush" not in done.out


def test_a_scenario_plans_its_own_faults(tmp_path: Path) -> None:
    file = scenario(tmp_path)
    text = file.read_text()
    text = text.replace("import harness\n", "import harness\nfrom harness.faults import PlannedFault, load\n", 1)
    faults = "[PlannedFault(load('noop', words=options.word), 'spike', 1)] if options.word else []"
    text = text.replace("harness.attach('short',", f"harness.attach('short', faults=lambda options: {faults},")
    file.write_text(text.replace("])\n", "], options=type('Options', (), {'word': ''}))\n"))
    done = runs.springback(tmp_path, "plan", str(file)).wait()
    done.ended_well(0)
    assert "the scenario says which ones" in " ".join(done.out.split())
    with service.running() as target:
        done = runs.locust(tmp_path, str(file), "--word", "boo", host=target.url).wait()
    assert [mark.detail for mark in done.recording.faults] == ["boo", "nothing to undo"]
    assert json.loads((done.directory / "verdict.json").read_text())["outcome"] == "PASS"
