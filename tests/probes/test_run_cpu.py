"""The CPU of a run's own services: real processes, found by their port, with their children."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from harness.clients.process_search import listeners
from harness.probes import run_cpu
from harness.probes.run_cpu import RunCpu
from tests.probes.loopback import wait_for

BUSY = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if os.fork() == 0:
    while True: pass
print(server.getsockname()[1], flush=True)
sys.stdin.read()
os.killpg(0, 9)
"""


LOAD = """
import os, subprocess, sys, time
program = "import sys, time\\nwhile time.process_time() < float(sys.argv[1]): pass"
if os.fork() == 0:  # a worker, which works as well
    os.write(1, b"there\\n")
    while line := os.read(0, 10):
        while time.process_time() < 0.2: pass
        subprocess.run([sys.executable, "-c", program, line.decode().strip()])
        os.write(1, b"done")
    os._exit(0)
os.close(0)
os.wait()
"""
"""For each number that it gets, a child of its worker's takes so many seconds of CPU."""


@pytest.fixture(autouse=True)
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """In place of who has started these tests, whose other children may be anything."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", LOAD], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "there\n"
        monkeypatch.setattr(os, "getppid", lambda: process.pid)
        yield process
        process.stdin.close()


@contextmanager
def service(port: int = 0) -> Iterator[int]:
    """It listens, on a free port for 0, and its child does the work; yields the port."""
    command = [sys.executable, "-c", BUSY, str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        used = int(process.stdout.readline())
        yield used
        process.stdin.close()  # type: ignore[union-attr]
    wait_for(lambda: not listeners((used,))[used])  # its child has ended, too


def test_a_service_counts_with_its_children() -> None:
    with service() as port:
        probe = RunCpu(ports=(port,))
        (first,) = probe.sample()
        assert (first.error, dict(first.values)) == (None, {"processes": 3}), "the two, and who samples"
        (child,) = [other for each in listeners((port,))[port] for other in psutil.Process(each).children()]
        took_s, used_s, sampled_s = child.cpu_times().user, 0.0, time.monotonic()
        while child.cpu_times().user < took_s + 0.5:
            time.sleep(0.3)
            before_s, sampled_s = sampled_s, time.monotonic()
            (reading,) = probe.sample()
            used_s += reading.values["cpu_ratio"] * (sampled_s - before_s)
        assert used_s >= 0.3, "of the half second that its child took by then"


def test_a_service_that_cannot_be_seen_is_a_failed_reading_until_it_has_been() -> None:
    with service() as port:
        probe = RunCpu(ports=(port, 1), refresh_interval_s=0.0)
        (reading,) = probe.sample()
        assert reading.error is not None and "port 1" in reading.error
        assert reading.may_come
        seen = RunCpu(ports=(port,), refresh_interval_s=0.0)
        (reading,) = seen.sample()
        assert reading.error is None
    (reading,) = seen.sample()
    assert reading.error is None, "it was stopped by a fault, or has ended: nothing of it takes CPU"


def test_all_processes_are_searched_while_somebody_is_missing_and_seldom_when_nobody_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that comes in the place of another is found at the next search."""
    searched: list[float] = []
    monkeypatch.setattr(run_cpu, "listeners", lambda ports: searched.append(time.monotonic()) or listeners(ports))
    with service() as port:
        probe = RunCpu(ports=(port,), refresh_interval_s=0.0)
        counts = [reading.values["processes"] for _ in range(run_cpu.FULL_SEARCH_EVERY) for reading in probe.sample()]
        assert counts == [3] * run_cpu.FULL_SEARCH_EVERY
        assert len(searched) == 2, "the first, and the last"
    assert [reading.values["processes"] for reading in probe.sample()] == [1], "who samples"
    with service(port):
        assert [reading.values["processes"] for reading in probe.sample()] == [3]
    assert len(searched) == 4


@pytest.mark.parametrize("refresh_interval_s", [0.0, 1e9], ids=["found", "never found"])
def test_what_a_load_process_has_started_counts_once(load: subprocess.Popen[str], refresh_interval_s: float) -> None:
    """While it is there, or when it has been waited for; neither the load itself does, nor its worker."""
    assert load.stdin is not None and load.stdout is not None
    probe = RunCpu(refresh_interval_s=refresh_interval_s)
    begun_s = time.monotonic()
    list(probe.sample())
    ended_s = time.monotonic()
    own_s, least_s, most_s, is_done = time.process_time(), 0.0, 0.0, False
    load.stdin.write("0.4\n")
    load.stdin.flush()
    while not is_done:
        is_done = bool(select.select([load.stdout], [], [], 0.05)[0])
        before = begun_s, ended_s
        begun_s = time.monotonic()
        (reading,) = probe.sample()
        ended_s = time.monotonic()
        # The time that the ratio is of begins and ends within two samples.
        least_s += reading.values["cpu_ratio"] * (begun_s - before[1])
        most_s += reading.values["cpu_ratio"] * (ended_s - before[0])
    own_s = time.process_time() - own_s  # who samples
    assert least_s - own_s <= 0.5, "0.4 s, in ticks of 10 ms and by two clocks; twice that would be 0.8 s"
    assert most_s - own_s >= 0.34


def test_a_process_may_count_alone() -> None:
    (reading,) = RunCpu(alone=(os.getppid(),)).sample()
    assert dict(reading.values) == {"processes": 2}


def used(parent: int, own_s: float, reaped_s: float = 0.0, born_at: float = 0.0) -> run_cpu._Used:
    return run_cpu._Used(parent, born_at, own_s, reaped_s)


@pytest.mark.parametrize(
    ("before", "now", "gone_s"),
    [
        pytest.param({1: used(0, 5)}, {1: used(0, 7)}, 2.0, id="its own"),
        pytest.param({}, {1: used(0, 3, 1, born_at=100)}, 4.0, id="one that is new"),
        pytest.param({}, {1: used(0, 3, 1, born_at=99.9)}, 0.0, id="one that was found late"),
        pytest.param({1: used(0, 5)}, {}, 0.0, id="one that ended, whose parent is not watched"),
        # The child had counted 4 s, and used 2 s more until its end.
        pytest.param({1: used(0, 5), 2: used(1, 3, 1)}, {1: used(0, 5, 6)}, 2.0, id="a child that ended"),
        pytest.param(
            {1: used(0, 5), 2: used(1, 3), 3: used(2, 2)}, {1: used(0, 5, 7)}, 2.0, id="a child that ended with its own"
        ),
        pytest.param(
            {1: used(0, 5), 2: used(1, 3), 3: used(2, 2)},
            {1: used(0, 5), 2: used(1, 3, 3)},
            1.0,
            id="a grandchild that ended",
        ),
        pytest.param(
            {1: used(0, 5, 4), 2: used(1, 3)}, {1: used(0, 6, 4)}, 1.0, id="a child that nobody has waited for"
        ),
        pytest.param(
            {1: used(0, 5), 2: used(1, 3), 3: used(1, 1)}, {1: used(0, 5, 4.5)}, 0.5, id="two children that ended"
        ),
    ],
)
def test_what_a_parent_has_waited_for_counts_less_what_was_counted(
    before: dict[int, run_cpu._Used], now: dict[int, run_cpu._Used], gone_s: float
) -> None:
    """Between two samples, of which the first was at 100 s."""
    assert run_cpu._gone_s(before, now, 100.0) == pytest.approx(gone_s)
