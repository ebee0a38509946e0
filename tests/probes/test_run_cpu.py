"""The CPU of a run's own services: real processes, found by their port, with their children."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.clients.process_search import listeners
from harness.probes import run_cpu
from harness.probes.run_cpu import RunCpu

BUSY = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if os.fork() == 0:
    while True: pass
print(server.getsockname()[1], flush=True)
sys.stdin.read()
os.killpg(0, 9)
"""


@contextmanager
def service(port: int = 0) -> Iterator[int]:
    """It listens, on a free port for 0, and its child does the work; yields the port."""
    command = [sys.executable, "-c", BUSY, str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()  # type: ignore[union-attr]


def test_a_service_counts_with_its_children() -> None:
    with service() as port:
        probe = RunCpu(ports=(port,))
        (first,) = probe.sample()
        assert (first.error, dict(first.values)) == (None, {"processes": 3}), "the two, and who samples"
        deadline_s, used = time.monotonic() + 20, 0.0
        while used < 0.2 and time.monotonic() < deadline_s:
            time.sleep(0.3)
            (reading,) = probe.sample()
            used = reading.values["cpu_ratio"]
        assert used >= 0.2


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


def test_a_process_may_count_alone() -> None:
    (reading,) = RunCpu(alone=(os.getppid(),)).sample()
    assert dict(reading.values) == {"processes": 2}
