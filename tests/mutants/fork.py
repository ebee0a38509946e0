"""A job in a fork of this process, that is ended when it loops or waits for ever.

What is counted is its CPU, and the time in which it could have had some and asked for none. On a full machine a fork
may wait for a turn as long as it likes: that says nothing of the job.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

LOOPS, WAITS, BROKEN = "takes CPU for ever", "waits for ever", "ended without an answer"
WAITS_S = 20.0
"""In which no thread of it has run or has been waiting for a turn."""
LOOK_S = 0.5
LONGEST_ANSWER_BYTES = 4096
"""A pipe takes it at once."""
BUSY_RATIO = 0.1
"""Of the time between two looks, from which on it has not been waiting for something else."""


def in_a_fork(job: Callable[[], str | None], cpu_s: float, waits_s: float = WAITS_S, look_s: float = LOOK_S) -> str:
    """What the job has answered, or how it ended else."""
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            limit_s = int(cpu_s) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            os.write(writing, (job() or "").encode()[:LONGEST_ANSWER_BYTES])
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    waits = _waits(pid, waits_s, look_s)
    _, status = os.waitpid(pid, 0)
    os.set_blocking(reading, False)  # what the job has left behind may hold the other end open
    try:
        answer = os.read(reading, LONGEST_ANSWER_BYTES).decode(errors="replace")
    except BlockingIOError:
        answer = ""
    finally:
        os.close(reading)
    if waits:
        return WAITS
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return LOOPS
    return answer if status == 0 else BROKEN


def _waits(pid: int, waits_s: float, look_s: float) -> bool:
    """Returns when it has ended; True where it was ended, as it has waited for so long."""
    descriptor = os.pidfd_open(pid)
    try:
        idle_s, ran_s, looked_s = 0.0, 0.0, time.monotonic()
        while not select.select([descriptor], [], [], look_s)[0]:
            now_s, (now_ran_s, wants_a_turn) = time.monotonic(), _threads(pid)
            was_busy = wants_a_turn or now_ran_s - ran_s > BUSY_RATIO * (now_s - looked_s)
            idle_s = 0.0 if was_busy else idle_s + now_s - looked_s
            ran_s, looked_s = now_ran_s, now_s
            if idle_s > waits_s:
                os.kill(pid, signal.SIGKILL)
                return True
    finally:
        os.close(descriptor)
    return False


def _threads(pid: int) -> tuple[float, bool]:
    """How long those that are there have run, and whether one runs now, or waits for a turn or a page of memory."""
    ran_s, wants_a_turn = 0.0, False
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            state, *fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # a thread that has just ended
            continue
        ran_s += (int(fields[10]) + int(fields[11])) / os.sysconf("SC_CLK_TCK")
        wants_a_turn = wants_a_turn or state in "RD"
    return ran_s, wants_a_turn
