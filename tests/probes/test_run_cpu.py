"""The CPU of a run's own services: real processes, found by their port, with their children."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.probes.run_cpu import RunCpu

BUSY = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    while True: pass
print(server.getsockname()[1], flush=True)
sys.stdin.read()
os.killpg(0, 9)
"""


@contextmanager
def service() -> Iterator[int]:
    """It listens, and its child does the work; yields the port."""
    command = [sys.executable, "-c", BUSY]
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


def test_a_process_may_count_alone() -> None:
    (reading,) = RunCpu(alone=(os.getppid(),)).sample()
    assert dict(reading.values) == {"processes": 2}
