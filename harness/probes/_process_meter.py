"""Reads the figures of one process, from one sample to the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from harness.clients.cgroups import ControlGroup
from harness.clients.process_search import descendants, is_alive
from harness.probes import Reading

YOUNG_S = 1.0
"""A child runs its parent's program until it executes its own: for so long after it was met, that is no news."""
_START_OF_STACK = 28
"""Number of the field of ``/proc/PID/stat`` with the address at which the stack begins: another for each program that
a process executes, as the system draws it (proc_pid_stat(5)).
"""


class ProcessMeter:
    """One process: not whoever has its pid later. ``serves`` says that it is known to run the service already.

    Raises psutil.NoSuchProcess when there is no such process to begin with.
    """

    def __init__(self, pid: int, *, serves: bool = False) -> None:
        self._process = psutil.Process(pid)
        self._created_s = self._process.create_time()
        self._group: ControlGroup | None = None
        self._memory_limit_bytes = 0.0
        self._cpu_s = 0.0
        self._read_s: float | None = None
        self._uss_read_s: float | None = None
        self._serves = serves
        self._met_s = time.monotonic()
        self._stack = 0
        self._programs: set[bytes] = set()
        """All that it has been seen to execute, as :func:`_program` has them."""
        self._executions: int | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def name(self) -> str:
        """Name of the program, or ``pid`` where it may not be known."""
        try:
            return self._process.name()
        except psutil.Error:
            return "pid"

    def is_running(self) -> bool:
        """False when it has ended: also as a zombie, and also when the pid is another process now."""
        return is_alive(self._process)

    def children(self) -> list[int]:
        """Pids of all descendants."""
        return descendants(self.pid) if self.is_running() else []

    def read(self, source: str, uss_interval_s: float) -> Reading:
        """About 0.1 ms, and 0.2 to 3 ms more when USS is due; never raises."""
        if not self.is_running():
            return Reading.failed(source, self._why_not())
        values: dict[str, float] = {}
        try:
            with self._process.oneshot():
                values |= self._cpu_ratio()
                values["rss_bytes"] = self._process.memory_info().rss
                values["threads"] = self._process.num_threads()
                values |= _where_permitted("open_fds", self._process.num_fds)
            # Who it is: after a restart under the same name the figures are those of another process.
            values |= {"pid": self.pid, "create_time_s": self._created_s, **self._began_anew()}
            values |= self._memory_bounds()
            values |= self._uss(uss_interval_s)
        except psutil.NoSuchProcess:
            return Reading.failed(source, self._why_not())
        except psutil.AccessDenied:
            reason = f"process {self.pid} may not be read: run the load as the same user"
            return Reading.failed(source, reason)
        return Reading.of(source, values)

    def _cpu_ratio(self) -> dict[str, float]:
        """Mean number of cores in use since the sample before. The system counts in ticks of 10 ms."""
        times, now_s = self._process.cpu_times(), time.monotonic()
        before_s, cpu_before_s = self._read_s, self._cpu_s
        self._read_s, self._cpu_s = now_s, times.user + times.system
        if before_s is None or now_s <= before_s:
            return {}
        return {"cpu_ratio": (self._cpu_s - cpu_before_s) / (now_s - before_s)}

    def _began_anew(self) -> dict[str, float]:
        """How often it has executed a program anew since it was first read: a restart that changes no pid. A script
        that prepares something and then executes the service comes to another program, and that is its start.
        """
        stack = _start_of_stack(self.pid)
        is_young = not self._serves and time.monotonic() - self._met_s < YOUNG_S
        if stack not in (0, self._stack) and not is_young and (program := _program(self.pid)):
            is_first = self._executions is None
            is_anew = not is_first and (self._serves or program in self._programs)
            self._executions = (self._executions or 0) + is_anew
            self._stack = stack
            self._programs.add(program)
        # The last count is told again where nobody knows better: what comes after a gap would be no step.
        return {} if self._executions is None else {"executions": self._executions}

    def _memory_bounds(self) -> dict[str, float]:
        """What it may have is read once."""
        if self._group is None:
            self._group = ControlGroup.of_process(self.pid)
            self._memory_limit_bytes = self._group.memory_limit_bytes()
        oom_kills = self._group.oom_kills()
        values = {"memory_limit_bytes": self._memory_limit_bytes}
        return values if oom_kills is None else {**values, "oom_kills": oom_kills}

    def _uss(self, interval_s: float) -> dict[str, float]:
        now_s = time.monotonic()
        if interval_s <= 0 or (self._uss_read_s is not None and now_s - self._uss_read_s < interval_s):
            return {}
        self._uss_read_s = now_s
        return _where_permitted("uss_bytes", lambda: self._process.memory_full_info().uss)

    def _why_not(self) -> str:
        if not psutil.pid_exists(self.pid):
            return f"process {self.pid} is gone"
        if self._process.is_running():
            return f"process {self.pid} has ended and waits for its parent to notice"
        return f"process {self.pid} is gone, and its pid is another process now"


def _start_of_stack(pid: int) -> int:
    """0 where it is not told: to another user, and by other systems than Linux."""
    try:
        # The name of the program, in brackets, may have blanks in it; the field after it is the third.
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[_START_OF_STACK - 3])
    except (OSError, ValueError, IndexError):
        return 0


def _program(pid: int) -> bytes:
    """Which program it executes, and with what; empty where that is not told. Without its name for itself: who executes
    itself anew gives a path where a shell had found it by name.
    """
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[2]
        return bytes(Path(f"/proc/{pid}/exe").readlink()) + b"\0" + arguments
    except OSError:
        return b""


def _where_permitted(name: str, read: Callable[[], float]) -> dict[str, float]:
    try:
        return {name: read()}
    except psutil.AccessDenied:
        return {}
