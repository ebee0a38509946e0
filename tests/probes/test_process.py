"""The probe ``process`` against real processes of known behaviour."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from harness import probes
from harness.clients.cgroups import ControlGroup
from harness.findings import Outcome
from harness.probes import Reading, _process_meter
from harness.probes._process_meter import ProcessMeter
from harness.recording import CriterionSpec, ProbeSample
from harness.verdict import judge
from tests import recordings
from tests.ports import free_port
from tests.probes.loopback import python, said, tell, wait_for

GROWS = """
import sys
print("ready", flush=True)
held = []
for line in sys.stdin:
    held.append(b"x" * int(line))
    print("grown", flush=True)
"""
BUSY = """
import select, sys, time
while True:
    if select.select([sys.stdin], [], [], 0)[0]:
        sys.stdin.readline()
        print(time.process_time(), time.monotonic(), flush=True)
"""
IDLE = "import time; print('ready', flush=True); time.sleep(60)"
LISTENS = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
time.sleep(60)
"""
RESTARTS = """
import os, socket, sys, time
parent = os.getpid()
while True:
    pid = os.fork()
    if pid == 0:
        server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        print(os.getpid(), flush=True)
        while os.getppid() == parent:
            time.sleep(0.05)
        os._exit(0)
    os.waitpid(pid, 0)
"""
HANDS_OVER = """
import socket, sys
server = socket.socket()
for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
    server.setsockopt(socket.SOL_SOCKET, option, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
print("ready", flush=True)
for line in sys.stdin:
    server.close()
    print("drains", flush=True)
"""
SUPERVISES = """
import os, signal, socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def worker():
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        while os.getppid() == parent:
            time.sleep(0.05)
        os._exit(0)
    return pid
print(worker(), worker(), flush=True)
for line in sys.stdin:
    os.kill(int(line), signal.SIGKILL)
    os.waitpid(int(line), 0)
    print(worker(), flush=True)
"""


def process_probe(**parameters: object) -> probes.Probe:
    return probes.load("process", **{"refresh_interval_s": 0.0, **parameters})  # type: ignore[arg-type]


def by_source(probe: probes.Probe) -> dict[str, Reading]:
    readings = list(probe.sample())
    assert len({reading.source for reading in readings}) == len(readings)
    return {reading.source: reading for reading in readings}


def test_growth_of_memory_is_found_within_a_tenth() -> None:
    with python(GROWS) as process:
        said(process)
        probe = process_probe(pids=(process.pid,), uss_interval_s=0.001)
        (before,) = probe.sample()
        tell(process, str(64 * 2**20))
        said(process)
        time.sleep(0.01)
        (after,) = probe.sample()
    for name in ("rss_bytes", "uss_bytes"):
        growth_bytes = after.values[name] - before.values[name]
        assert growth_bytes == pytest.approx(64 * 2**20, rel=0.1), name
    assert after.values["threads"] == 1
    assert after.values["open_fds"] >= 3


def test_a_busy_loop_is_one_core_and_an_idle_process_none() -> None:
    """One core, or as much of it as the process itself says that it got: this machine has other work too."""
    with python(BUSY) as busy, python(IDLE) as idle:

        def own_account() -> tuple[float, float]:
            tell(busy, "")
            cpu_s, now_s = said(busy).split()
            return float(cpu_s), float(now_s)

        said(idle)
        probe = process_probe(pids=(busy.pid, idle.pid), children=False)
        cpu_1_s, at_1_s = own_account()
        assert all("cpu_ratio" not in reading.values for reading in probe.sample())
        cpu_2_s, at_2_s = own_account()
        cpu_3_s, at_3_s = cpu_2_s, at_2_s
        while cpu_3_s < cpu_2_s + 0.5:
            time.sleep(0.1)
            cpu_3_s, at_3_s = own_account()
        busy_now, idle_now = probe.sample()
        cpu_4_s, at_4_s = own_account()
    # Each sample lies between two of its own accounts.
    least, most = (cpu_3_s - cpu_2_s) / (at_4_s - at_1_s), (cpu_4_s - cpu_1_s) / (at_3_s - at_2_s)
    assert least - 0.05 <= busy_now.values["cpu_ratio"] <= min(most, 1) + 0.05
    assert idle_now.values["cpu_ratio"] < 0.05


def test_uss_is_read_rarely_or_never() -> None:
    with python(IDLE) as process:
        often = process_probe(pids=(process.pid,), uss_interval_s=60)
        never = process_probe(pids=(process.pid,), uss_interval_s=0)
        has_uss = ["uss_bytes" in reading.values for _ in range(3) for reading in often.sample()]
        assert has_uss == [True, False, False]
        assert not any("uss_bytes" in reading.values for reading in never.sample())


def test_a_killed_process_is_said_at_each_sample() -> None:
    with python(IDLE) as process:
        said(process)
        probe = process_probe(pids=(process.pid,))
        (alive,) = probe.sample()
        assert alive.source.endswith(f"-{process.pid}") and alive.error is None
        process.kill()
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        (zombie,) = probe.sample()
        process.wait()
        gone = [list(probe.sample()) for _ in range(2)]
    assert zombie == Reading(alive.source, {}, f"process {process.pid} has ended and waits for its parent to notice")
    assert gone == [[Reading(alive.source, {}, f"process {process.pid} is gone")]] * 2


def test_a_pid_that_never_was_is_said() -> None:
    with python("pass") as process:
        process.wait()
        pid = process.pid
    (reading,) = process_probe(pids=(pid,)).sample()
    assert reading == Reading(f"pid-{pid}", {}, f"there is no process {pid}")


EXECUTES = """
import os, sys
print("begun", flush=True)
sys.stdin.readline()
os.execv(sys.executable, [sys.executable, *(sys.argv[1:] or ["-c", sys.orig_argv[2]])])
"""
"""Becomes what its arguments say, or itself again: with the name of its program as a path."""


def _samples_of_execution(probe: probes.Probe, process: subprocess.Popen[str]) -> list[dict[str, float]]:
    """Two of the process before it executes its program, and two after."""
    said(process)

    def sampled() -> list[dict[str, float]]:
        readings = [reading for _ in range(2) for reading in probe.sample()]
        return [dict(reading.values) for reading in readings if reading.values.get("pid") == process.pid]

    before = sampled()
    tell(process, "")
    said(process)
    return [*before, *sampled()]


@pytest.mark.parametrize("arguments", [(), ("-c", "import sys; print('anew', flush=True); sys.stdin.readline()")])
def test_a_process_that_executes_a_program_anew_keeps_its_pid_and_tells(arguments: tuple[str, ...]) -> None:
    with python(EXECUTES, *arguments) as process:
        values = _samples_of_execution(process_probe(pids=(process.pid,), children=False, uss_interval_s=0), process)
    assert [each["executions"] for each in values] == [0, 0, 1, 1]
    assert {each["create_time_s"] for each in values} == {values[0]["create_time_s"]}


@pytest.mark.parametrize(("becomes", "executions"), [("another", 0), ("itself", 1)])
def test_a_child_that_becomes_another_program_only_starts(
    becomes: str, executions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a script does that prepares something and then executes the service."""
    monkeypatch.setattr(_process_meter, "YOUNG_S", 0.0)
    other = ("-c", "import sys; print('anew', flush=True); sys.stdin.readline()")
    with python(EXECUTES, *(other if becomes == "another" else ())) as process:
        probe = process_probe(pids=(os.getpid(),), uss_interval_s=0)
        monkeypatch.setattr(os, "getpid", lambda: 0)  # the sampler leaves itself out, and its children are these here
        values = _samples_of_execution(probe, process)
    assert [each["executions"] for each in values] == [0, 0, executions, executions]


def test_where_nobody_knows_about_executions_the_last_count_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step from it on, to what is counted later, would hide in a gap."""
    with python(EXECUTES) as process:
        said(process)
        meter = ProcessMeter(process.pid)
        assert "executions" not in meter.read("it", 0).values  # it may not have its own program yet
        monkeypatch.setattr(_process_meter, "YOUNG_S", 0.0)
        counts = [meter.read("it", 0).values["executions"]]
        tell(process, "")
        said(process)
        for stack, program in ((0, b"one"), (7, b""), (7, b"one")):
            monkeypatch.setattr(_process_meter, "_start_of_stack", lambda _, stack=stack: stack)
            monkeypatch.setattr(_process_meter, "_program", lambda _, program=program: program)
            meter._programs.add(b"one")
            counts.append(meter.read("it", 0).values["executions"])
    assert counts == [0, 0, 0, 1]


def test_a_pid_that_is_another_process_now_is_not_taken_for_the_first() -> None:
    with python(IDLE) as process:
        meter = ProcessMeter(process.pid)
        assert meter.read("it", 0).error is None
        inner = meter._process
        inner._ident = (process.pid, inner.create_time() - 100)  # type: ignore[attr-defined]
        assert meter.read("it", 0).error == f"process {process.pid} is gone, and its pid is another process now"


def test_a_listener_is_found_by_port_and_again_after_a_restart() -> None:
    port = free_port()
    probe = process_probe(ports=(port,))
    (nobody,) = probe.sample()
    assert nobody.error == f"no process of this user listens on port {port}"
    for _ in range(2):
        with python(LISTENS, str(port)) as process:
            said(process)
            (reading,) = probe.sample()
            assert reading.error is None and reading.source == f"port-{port}"
        (reading,) = probe.sample()
        assert reading.error


def test_who_takes_a_port_over_is_watched_in_the_place_of_whoever_drains() -> None:
    """As on a reload of HAProxy, whose old process lives on for as long as its connections do."""
    port = free_port()
    source = f"port-{port}"
    with python(HANDS_OVER, str(port)) as old, python(HANDS_OVER, str(port)) as new:
        said(old), said(new)
        both = process_probe(ports=(port,))
        assert set(by_source(both)) == {f"{source}/{old.pid}", f"{source}/{new.pid}"}
    with python(HANDS_OVER, str(port)) as old:
        said(old)
        probe = process_probe(ports=(port,))
        assert by_source(probe)[source].values["pid"] == old.pid
        with python(HANDS_OVER, str(port)) as new:
            said(new)
            beside = by_source(probe)
            assert beside[source].values["pid"] == old.pid
            assert beside[f"{source}/{new.pid}"].values["pid"] == new.pid
            tell(old, "")
            said(old)
            (reading,) = probe.sample()
            assert (reading.source, reading.values["pid"]) == (source, new.pid)
        (reading,) = probe.sample()
        assert reading.error == f"no process of this user listens on port {port}"


def test_a_killed_process_that_a_supervisor_starts_again_is_a_restart() -> None:
    """kill -9, and another process listens on the port: the recording tells, and the finding names both pids."""
    port = free_port()
    with python(RESTARTS, str(port)) as supervisor:
        first = int(said(supervisor))
        probe = process_probe(ports=(port,), children=False)
        source, samples = f"port-{port}", []

        def sampled(pid: int) -> bool:
            """Whether the process of that pid was read; in the recording the samples are a second apart."""
            (reading,) = probe.sample()
            t = len(samples) + 0.1
            samples.append(ProbeSample(t, "process", reading.source, reading.values, reading.error))
            return reading.values.get("pid") == pid

        wait_for(lambda: sampled(first))
        os.kill(first, signal.SIGKILL)
        second = int(said(supervisor))
        wait_for(lambda: sampled(second))
    read = [sample.values for sample in samples if sample.values]
    assert {sample.source for sample in samples} == {source}
    assert read[0]["create_time_s"] <= read[-1]["create_time_s"]
    assert read[0]["memory_limit_bytes"] > read[0]["rss_bytes"] > 0
    run = dataclasses.replace(recordings.healthy(), probes=tuple(samples))
    (found,) = (f for f in judge(run, [CriterionSpec("process_restarts")]).findings if f.kind == "process_restarts")
    assert (found.outcome, found.figure) == (Outcome.FAIL, 1)
    assert f"pid {first}, then {second}" in found.reason


@pytest.mark.parametrize(
    ("files", "limit_bytes", "oom_kills"),
    [
        (
            {"proc/7/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/memory.max": "max", "sys/fs/cgroup/a/memory.max": "5000"},
            5e3,
            None,
        ),
        (
            {
                "proc/7/cgroup": "0::/a",
                "sys/fs/cgroup/a/memory.max": "9000",
                "sys/fs/cgroup/a/memory.events": "oom 2\noom_kill 1",
            },
            9e3,
            1,
        ),
        (
            {
                "proc/7/cgroup": "0::/host/path",
                "sys/fs/cgroup/memory.max": "7000",
                "sys/fs/cgroup/memory.events": "oom_kill 0",
            },
            7e3,
            0,
        ),
        (
            {
                "proc/7/cgroup": "4:memory:/a\n0::/",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "6000",
                "sys/fs/cgroup/memory/a/memory.oom_control": "under_oom 0\noom_kill 3",
            },
            6e3,
            3,
        ),
        ({}, float(psutil.virtual_memory().total), None),
    ],
    ids=["max and around it", "version 2", "in a container", "version 1", "elsewhere"],
)
def test_what_a_process_may_have_and_how_often_that_was_too_little(
    tmp_path: Path, files: dict[str, str], limit_bytes: float, oom_kills: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    group = ControlGroup.of_process(7, tmp_path)
    assert (group.memory_limit_bytes(), group.oom_kills()) == (limit_bytes, oom_kills)


def test_workers_come_and_go_with_their_supervisor() -> None:
    port = free_port()
    with python(SUPERVISES, str(port)) as process:
        one, two = said(process).split()
        probe = process_probe(ports=(port,))
        root = f"port-{port}"
        assert {source for source, r in by_source(probe).items() if not r.error} == {
            root,
            f"{root}/{one}",
            f"{root}/{two}",
        }
        tell(process, one)
        three = said(process)
        after = by_source(probe)
        assert after[f"{root}/{one}"].error == f"process {one} is gone"
        assert after[f"{root}/{three}"].values["rss_bytes"] > 0
        assert set(by_source(probe)) == {root, f"{root}/{two}", f"{root}/{three}"}
        assert set(by_source(process_probe(ports=(port,), children=False))) == {root}


def test_children_are_looked_for_only_now_and_then() -> None:
    port = free_port()
    with python(SUPERVISES, str(port)) as process:
        one, two = said(process).split()
        probe = process_probe(ports=(port,), refresh_interval_s=60)
        before = set(by_source(probe))
        tell(process, two)
        said(process)
        by_source(probe)
        assert set(by_source(probe)) == before - {f"port-{port}/{two}"}
        assert f"port-{port}/{one}" in before


def write_status(path: Path, *entries: tuple[str, str, int]) -> None:
    rows = [{"role": role, "name": name, "pid": pid} for role, name, pid in entries]
    path.write_text(json.dumps({"processes": rows, "url": "http://127.0.0.1:1"}))


def test_the_status_file_names_the_processes_and_their_successors(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    probe = process_probe(status_file=str(path))
    (missing,) = probe.sample()
    assert missing.source == "state.json" and "is the target up?" in (missing.error or "")
    with python(IDLE) as first, python(IDLE) as second, python(IDLE) as database:
        write_status(path, ("api", "api1", first.pid), ("db", "primary", database.pid))
        assert {s: r.error for s, r in by_source(probe).items()} == {"api1": None}
        first.kill()
        first.wait()
        assert by_source(probe)["api1"].error == f"process {first.pid} is gone"
        write_status(path, ("api", "api1", second.pid), ("db", "primary", database.pid))
        assert {s: r.error for s, r in by_source(probe).items()} == {"api1": None}
        both = process_probe(status_file=str(path), roles=("api", "db"))
        assert set(by_source(both)) == {"api1", "primary"}
        (none,) = process_probe(status_file=str(path), roles=("cache",)).sample()
        assert none.error == "no process with role cache; roles there: api, db"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"processes": 1}', '{"processes": [{"role": "api"}]}'])
def test_a_status_file_that_is_none_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    (reading,) = process_probe(status_file=str(path)).sample()
    assert "python -m target up --state" in (reading.error or "")
