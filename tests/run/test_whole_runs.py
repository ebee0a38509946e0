"""Runs that come to their planned end: in one process, with forked workers, with a master and workers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from harness.analysis import histogram
from harness.recording import Recording
from harness.recording.marks import FINISHED, RAISED
from tests import service
from tests.ports import free_port
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

HERD, CANARIES = 20, 40
"""Of the scenarios with a herd: 4 s with 10 canary requests a second."""


@dataclass
class Outcome:
    done: Finished
    served: int
    """Requests that reached the service."""
    locust: int
    """Requests that Locust's own statistics have."""
    workers: tuple[Finished, ...] = ()


def run(directory: Path, scenario: str, *arguments: str, from_nothing: bool = False, **variables: str) -> Outcome:
    with service.running() as target:
        stats = directory / "stats"
        attached = "shape_alone" not in scenario
        options = ("--json-file", str(stats), *(("--health-path", "/healthz") if attached else ()))
        options = (*options, *arguments)
        started = runs.locust(
            directory, scenario, *options, host=target.url, variables=variables, from_nothing=from_nothing
        )
        return Outcome(started.wait(), target.requests, _locusts_count(stats))


def _locusts_count(stats: Path) -> int:
    path = stats.with_suffix(".json")
    return sum(entry["num_requests"] for entry in json.loads(path.read_text())) if path.exists() else -1


def local(directory: Path) -> Outcome:
    """Alone in its process, it is judged by the real limit of the release skew."""
    strict = ("--release-skew-limit-s", "0.25")
    return run(directory, "herd_http.py", *strict, *runs.ALL_REPORTS, from_nothing=True)


def forked(directory: Path) -> Outcome:
    options = ("--alert-p95-s", "0.000001", "--report-formats", "markdown")
    return run(directory, "herd_http.py", *runs.processes(2), *options, from_nothing=True)


def master_and_workers(directory: Path) -> Outcome:
    port = str(free_port())
    with service.running() as target:
        workers = [
            runs.locust(directory / str(k), "herd_http.py", "--worker", "--master-port", port, host=target.url)
            for k in range(2)
        ]
        master = runs.locust(
            directory,
            "herd_http.py",
            *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2"),
            *("--health-path", "/healthz", "--json-file", str(directory / "stats")),
            host=target.url,
        )
        done = master.wait()
        return Outcome(
            done,
            target.requests,
            _locusts_count(directory / "stats"),
            tuple(worker.wait(15) for worker in workers),
        )


def assert_whole_herd(outcome: Outcome) -> None:
    done = outcome.done
    done.ended_well(code=0)
    recording = done.recording
    assert not recording.damage
    assert recording.end is not None and recording.end.completed and recording.end.reason == "completed"
    assert done.verdict["outcome"] == "PASS" and done.verdict["exit_code"] == 0
    assert {piece.outcome for piece in recording.slices} == {"ok"}
    assert done.count() == recording.end.requests == outcome.served == HERD + CANARIES
    assert recording.end.unfinished == 0
    # The herd belongs to the first second of the spike, wherever its answers came.
    assert [done.count(t=t) for t in range(4)] == [10, 10 + HERD, 10, 10]
    assert sum(len(gate.sent_us) for gate in recording.gates) == HERD
    assert sum(gate.planned for gate in recording.gates) == HERD


@together(local)
def test_a_run_in_one_process_is_recorded_whole_and_its_exit_code_is_the_verdict(outcome: Outcome) -> None:
    assert_whole_herd(outcome)
    assert outcome.locust == outcome.served
    assert {piece.node for piece in outcome.done.recording.slices} == {"local"}


@together(local)
def test_a_run_has_a_directory_named_by_its_start_with_every_report(outcome: Outcome) -> None:
    directory = outcome.done.directory
    assert re.fullmatch(r"\d{8}T\d{6}Z-herd-http", directory.name)
    started = outcome.done.recording.header.started_utc
    assert started.replace("-", "").replace(":", "") == directory.name.removesuffix("-herd-http")
    names = {path.name for path in directory.iterdir()}
    assert names == {"recording.jsonl", "report.html", "report.md", "junit.xml", "verdict.json"}


@together(local)
def test_phases_are_said_once_each_where_there_is_no_terminal(outcome: Outcome) -> None:
    said = [line.split()[1] for line in outcome.done.err.splitlines() if line.startswith("springback: ")]
    phases = ["warm-up", "baseline", "spike", "recovery"]
    assert [name for name in said if name in phases] == phases


@together(local)
def test_the_target_was_asked_for_its_health_before_and_after_the_load(outcome: Outcome) -> None:
    assert [(mark.when, mark.check, mark.ok) for mark in outcome.done.recording.health] == [
        ("before", "GET /healthz", True),
        ("after", "GET /healthz", True),
        ("after", "GET /healthz on a new connection", True),
    ]


@together(local)
def test_the_process_behind_the_hosts_port_is_sampled_without_being_asked_for(outcome: Outcome) -> None:
    samples = outcome.done.samples("process")
    assert samples and all(sample.error is None for sample in samples)
    assert samples[0].values["rss_bytes"] > 5e6


def with_requests(recording: Recording) -> set[str]:
    """The load processes that say, in their last report, that requests of theirs have ended."""
    return {mark.node for mark in recording.node_events if mark.event == FINISHED and mark.detail != "0 requests"}


@together(forked)
def test_forked_workers_share_the_herd_and_every_request_is_counted_once(outcome: Outcome) -> None:
    assert_whole_herd(outcome)
    recording = outcome.done.recording
    assert with_requests(recording) == {"worker-1", "worker-2"}
    # Locust gives the odd one of 25 users to whichever worker it likes.
    assert sorted(len(gate.sent_us) for gate in recording.gates) in ([10, 10], [9, 11])
    assert all(0 < gate.clock_uncertainty_s < 0.25 for gate in recording.gates)


@together(forked)
def test_an_alert_is_raised_live_on_the_master_and_found_again_in_the_report(outcome: Outcome) -> None:
    done = outcome.done
    (alert,) = [mark for mark in done.recording.alerts if mark.alert == "p95 latency" and mark.event == RAISED]
    assert 0 < alert.t < done.recording.header.phases[-1].end_s + 3
    assert f"springback: alert p95 latency: {alert.detail}" in done.err
    (again,) = json.loads((done.directory / "verdict.json").read_text())["alerts"]
    assert again["alert"] == "p95 latency"
    assert again["start_s"] <= alert.t
    assert "p95 latency" in (done.directory / "report.md").read_text().partition("### Alerts")[2]


@together(master_and_workers)
def test_a_master_and_two_workers_share_the_herd_and_every_request_is_counted_once(outcome: Outcome) -> None:
    assert_whole_herd(outcome)
    recording = outcome.done.recording
    assert with_requests(recording) == {"worker-1", "worker-2"}
    assert {(mark.node, mark.event) for mark in recording.node_events} == {
        (node, event) for node in ("worker-1", "worker-2") for event in ("joined", "finished")
    }


@together(master_and_workers)
def test_workers_end_with_their_master_and_without_a_verdict_of_their_own(outcome: Outcome) -> None:
    for worker in outcome.workers:
        worker.ended_well(code=0)
        assert not worker.directories


def two_herds(directory: Path) -> Outcome:
    return run(directory, "double_herd.py", *runs.processes(2))


@together(two_herds)
def test_the_gate_is_armed_again_on_every_worker(outcome: Outcome) -> None:
    done = outcome.done
    done.ended_well(code=0)
    gates = {(gate.node, gate.gate): gate for gate in done.recording.gates}
    nodes = ("worker-1", "worker-2")
    assert set(gates) == {(node, name) for node in nodes for name in ("herd", "herd-2")}
    assert len(done.recording.gates) == 4, "once each"
    for name, t in (("herd", 1), ("herd-2", 4)):
        assert [gates[node, name].t for node in nodes] == [t, t]
        assert sum(len(gates[node, name].sent_us) for node in nodes) == HERD
        assert all(min(gates[node, name].sent_us) >= 0 for node in nodes)
    for node in nodes:
        assert gates[node, "herd"].planned == gates[node, "herd-2"].planned > 0
    # 10/s for 6 s, and 20 at once in the seconds 1 and 4.
    assert [done.count("ok", t) for t in range(6)] == [10, 30, 10, 10, 30, 10]
    assert done.count() == outcome.served == 100


def closed_model(directory: Path) -> Outcome:
    with service.running(latency_ms=100) as target:
        arguments = ("--pacing", "users", *runs.processes(2))
        done = runs.locust(directory, "crowd_http.py", *arguments, host=target.url).wait()
        return Outcome(done, target.requests, -1)


@together(closed_model)
def test_in_the_closed_model_parked_users_are_active_as_the_level_says(outcome: Outcome) -> None:
    """4 users, up to 20 in a second, 20 for a second, and back: each makes 10 requests a second at the most."""
    done = outcome.done
    done.ended_well(code=0)
    recording = done.recording
    assert recording.header.level_unit == "users" and not recording.gates
    assert recording.end is not None and recording.end.completed and recording.end.unfinished == 0
    assert done.count("ok") == done.count() == recording.end.requests == outcome.served
    assert with_requests(recording) == {"worker-1", "worker-2"}
    # One user more than 10 a second: an iteration that begins in a second may end in the next.
    for t, users in enumerate((4, 20, 20, 20, 4)):
        assert done.count(t=t) <= 11 * users
    # By Little's law: so many are active as there are seconds of waiting in a second. A slow machine makes fewer
    # rounds of more seconds, which are those of the second in which each began; so all until then count.
    for t, user_seconds in ((0, 4), (2, 4 + 12 + 20), (4, 4 + 12 + 20 + 12 + 4)):
        pieces = [piece for piece in recording.slices if piece.t <= t]
        waited_us = sum((histogram.mean_us(piece.latency) or 0) * piece.count for piece in pieces)
        assert waited_us > 0.8 * user_seconds * 1e6, t
    assert max(piece.t for piece in recording.slices) == 4, "none begins after the end"


@dataclass
class OnATerminal:
    done: Finished
    shown: str
    """Everything that was written to the terminal."""


def on_a_terminal(directory: Path) -> OnATerminal:
    ours, theirs = os.openpty()
    shown = bytearray()

    def collect() -> None:
        with contextlib.suppress(OSError):  # that is how the end of a terminal looks
            while piece := os.read(ours, 65536):
                shown.extend(piece)

    reader = threading.Thread(target=collect)
    with service.running() as target:
        variables = {"TERM": "xterm", "COLUMNS": "100"}
        run = runs.locust(
            *(directory, "herd_http.py", "--spike-s", "4"),
            host=target.url,
            variables=variables,
            from_nothing=True,
            stderr=theirs,
        )
        os.close(theirs)
        reader.start()
        done = run.wait()
    reader.join(10)
    os.close(ours)
    return OnATerminal(done, shown.decode(errors="replace"))


@together(on_a_terminal)
def test_on_a_terminal_a_screen_goes_through_the_phases(outcome: OnATerminal) -> None:
    outcome.done.ended_well(code=0)
    assert "Traceback" not in outcome.shown
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", outcome.shown)
    phases = re.findall(r"(warm-up|baseline|spike|recovery|drain)[^\r\n]* against ", shown)
    assert list(dict.fromkeys(phases))[:4] == ["warm-up", "baseline", "spike", "recovery"]
    bars = re.findall(r"(\d+) of (\d+) s\r", shown)
    assert {total for _, total in bars} == {"7"}
    seconds = [int(second) for second, _ in bars]
    assert seconds == sorted(seconds) and seconds[0] == 0 and seconds[-1] >= 6
    assert not re.search(r"springback: (baseline|spike|recovery)", shown), "the screen, and not a line a phase"
    assert "PASS  herd-http" in outcome.done.out, "the verdict is on standard output, unspoilt by the screen"


def of_scenario(directory: Path, scenario: str) -> Outcome:
    return run(directory, scenario)


@together(of_scenario, scenario=["paced_stock.py", "paced_fast.py"])
def test_locusts_own_clients_park_when_they_are_paced_and_the_gate_wakes_them(outcome: Outcome) -> None:
    assert_whole_herd(outcome)


def paced_stock_forked(directory: Path) -> Outcome:
    return run(directory, "paced_stock.py", *runs.processes(2))


@together(paced_stock_forked)
def test_users_that_the_gate_wakes_report_their_sends_from_every_worker(outcome: Outcome) -> None:
    assert_whole_herd(outcome)


def unpaced(directory: Path, scenario: str) -> Outcome:
    return run(directory, scenario, SHAPE="flash_crowd" if scenario == "stock_fast.py" else "herd")


@together(unpaced, scenario=["stock.py", "stock_fast.py"])
def test_with_users_that_are_not_paced_the_number_of_users_follows_the_level(outcome: Outcome) -> None:
    assert_closed_model(outcome)


def assert_closed_model(outcome: Outcome) -> None:
    done = outcome.done
    done.ended_well(code=0)
    recording = done.recording
    assert recording.header.level_unit == "users"
    assert not recording.header.gates and not recording.gates
    assert recording.end is not None and recording.end.completed
    assert done.count() == recording.end.requests + recording.end.unfinished
    assert recording.end.requests == outcome.served
    per_second = [done.count(t=t) for t in range(7)]
    if recording.header.shape == "Herd":  # 2 users, then 12 in the seconds 2, 3 and 4, at 5 requests/s each
        assert max(per_second[2:5]) > 3 * max(per_second[:2]) > 0, per_second
        assert per_second[6] < max(per_second[2:5]) / 2, per_second


def unpaced_forked(directory: Path) -> Outcome:
    return run(directory, "stock.py", *runs.processes(2))


@together(unpaced_forked)
def test_users_that_are_not_paced_are_recorded_from_every_worker(outcome: Outcome) -> None:
    assert_closed_model(outcome)
    assert with_requests(outcome.done.recording) == {"worker-1", "worker-2"}


def alone(directory: Path, way: str) -> Outcome:
    return run(directory, "shape_alone.py", *(runs.processes(2) if way == "forked" else ()))


@together(alone, way=["local", "forked"])
def test_a_shape_works_in_a_plain_locustfile_without_attach(outcome: Outcome) -> None:
    outcome.done.ended_well(code=0)
    assert not outcome.done.directories
    # 2 users for 2 s and 2 s, 12 for 3 s, at most 5 requests/s each.
    assert 60 <= outcome.served <= 230


def swapped(directory: Path) -> Outcome:
    return run(directory, f"{runs.SCENARIOS}/other_shape.py,{runs.SCENARIOS}/herd_http.py")


@together(swapped)
def test_the_shape_is_swapped_by_a_file_before_the_scenario(outcome: Outcome) -> None:
    outcome.done.ended_well(code=0)
    header = outcome.done.recording.header
    assert header.shape == "AnotherCrowd" and header.level_unit == "starts/s"
    # 2 starts/s for 2 s, 6 for 2 s.
    assert outcome.served == outcome.done.count() == 16


def options(directory: Path, way: str) -> Outcome:
    """One option by flag, one by environment variable, one in a config file: 7 users, 3.5 starts/s for 5 s."""
    file = directory / f"springback.{way}"
    file.write_text("recovery-s = 3\n" if way == "conf" else "[tool.locust]\nrecovery-s = 3\n")
    arguments = ("--herd-users", "7", "--config", str(file))
    return run(directory, "herd_http.py", *arguments, SPRINGBACK_CANARY_PER_S="3.5")


@together(options, way=["conf", "toml"])
def test_an_option_is_taken_from_a_flag_an_environment_variable_or_a_config_file(outcome: Outcome) -> None:
    outcome.done.ended_well(code=0)
    parameters = outcome.done.recording.header.parameters
    assert (parameters["herd_users"], parameters["canary_per_s"], parameters["recovery_s"]) == (7, 3.5, 3)
    assert outcome.served == outcome.done.count() == 7 + 17


def at_one_instant(directory: Path) -> list[Finished]:
    with service.running() as target:
        both = [runs.locust(directory, "herd_http.py", host=target.url) for _ in range(2)]
        return [run.wait() for run in both]


@together(at_one_instant)
def test_two_runs_at_one_time_have_a_directory_each(outcome: list[Finished]) -> None:
    for done in outcome:
        done.ended_well(code=0)
    assert len(outcome[0].directories) == 2


def what_is_loaded(directory: Path) -> dict[str, list[str]]:
    """Process, named by its part in the run → which of the heavy libraries it had loaded at its end."""
    forked = runs.processes(2)
    outcome = run(directory, "what_is_loaded.py", *forked, from_nothing=True, LOADED_DIRECTORY=str(directory))
    outcome.done.ended_well(code=4)
    return {path.stem: json.loads(path.read_text()) for path in directory.glob("*Runner-*.json")}


@together(what_is_loaded)
def test_a_load_process_carries_nothing_of_the_judging_of_the_master_and_of_the_pages(
    outcome: dict[str, list[str]],
) -> None:
    assert sorted(name.partition("-")[0] for name in outcome) == ["MasterRunner", "WorkerRunner", "WorkerRunner"]
    of_masters = [loaded for name, loaded in outcome.items() if name.startswith("Master")]
    assert [sorted(loaded) for name, loaded in outcome.items() if name.startswith("Worker")] == [[], []]
    assert not {"numpy", "scipy", "harness.web"} & set(of_masters[0])
    assert "harness.run.master" in of_masters[0], "what is asked for has another name by now"


def own_service(directory: Path) -> Outcome:
    example = Path(__file__).parents[2] / "examples" / "own_service.py"
    quick = ("--baseline-s", "1", "--spike-s", "1", "--recovery-s", "2", "--herd-users", "20")
    return run(directory, str(example), *quick)


@together(own_service)
def test_the_example_for_ones_own_service_runs_and_is_short(outcome: Outcome) -> None:
    # Too short for a verdict on latency and recovery, and it says so.
    outcome.done.ended_well(code=4)
    assert outcome.done.count("ok") == outcome.served == HERD + CANARIES
    example = Path(__file__).parents[2] / "examples" / "own_service.py"
    assert len(example.read_text().splitlines()) <= 20


def test_the_document_shows_the_example_as_it_is() -> None:
    root = Path(__file__).parents[2]
    assert (root / "examples" / "own_service.py").read_text() in (root / "docs" / "adding-things.md").read_text()


def dead_target(directory: Path) -> Finished:
    host, crowd = f"http://127.0.0.1:{free_port()}", {"SHAPE": "flash_crowd"}
    return runs.locust(directory, "stock.py", *runs.ALL_REPORTS, host=host, variables=crowd).wait()


@together(dead_target)
def test_a_target_that_is_down_is_reported_once_though_the_level_would_have_changed_meanwhile(
    outcome: Finished,
) -> None:
    outcome.ended_well(4)
    assert len(outcome.directories) == 1 and outcome.out.count("INCONCLUSIVE  stock") == 1
