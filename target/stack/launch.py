"""Starts processes that cannot outlive us, waits for them, quotes their logs, and ends them."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from target.errors import TargetError
from target.stack import guard
from target.stack.identity import Identity, identify
from target.stack.ports import Reserved
from target.stack.stop import StopSignals

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.02
GRACE_S = 5.0
QUOTED_LINES = 4
T = TypeVar("T")
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Running:
    """A server we started."""

    role: str
    name: str
    process: subprocess.Popen[bytes]
    identity: Identity
    log: Path
    stop_signal: int
    data_directory: Path | None = None
    """Of the PostgreSQL that this process starts, and that is not its child."""


@dataclass(frozen=True)
class RunAs:
    """Another user for a server that refuses to run as root: a prefix command, or a real user."""

    prefix: tuple[str, ...] = ()
    user: str | None = None


class Launcher:
    """Owns every child. For the main thread only: PR_SET_PDEATHSIG fires when the starting thread ends."""

    def __init__(self, guard_log: Path, signals: StopSignals) -> None:
        self._signals = signals
        package_root = str(Path(__file__).resolve().parents[2])
        self.environment = dict(os.environ)
        self.environment["PYTHONPATH"] = os.pathsep.join(
            part for part in (package_root, os.environ.get("PYTHONPATH", "")) if part
        )
        self.running: list[Running] = []
        self._starting = self._adopts = False
        with guard_log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "target.stack.guard"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    def start(
        self,
        role: str,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        stop_signal: int = signal.SIGTERM,
        run_as: RunAs | None = None,
        data_directory: Path | None = None,
    ) -> Running:
        """Start one server in a session of its own, so that a Ctrl-C at the terminal reaches only us."""
        run_as = run_as or RunAs()
        with log.open("ab") as sink, self._signals.held(), self._reaping_put_off():
            process = subprocess.Popen(
                [*run_as.prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**self.environment, **(environment or {})},
                pass_fds=pass_fds,
                start_new_session=True,
                user=run_as.user,
                cwd=log.parent,
                preexec_fn=_dies_with(os.getpid()),  # no thread of ours exists
            )
            identity = identify(process.pid) or Identity(process.pid, -1.0)
            self._send_to_guard({"pid": identity.pid, "started": identity.started, "signal": int(stop_signal)})
            if data_directory is not None:
                self._send_to_guard({"data_directory": str(data_directory)})
            running = Running(role, name, process, identity, log, stop_signal, data_directory)
            self.running.append(running)
        return running

    def start_module(
        self, role: str, name: str, module: str, directory: Path, port: Reserved, environment: Mapping[str, str]
    ) -> Running:
        """Start one of our own, a module that serves on a socket which is ours already; its log is in ``directory``."""
        running = self.start(
            role,
            name,
            [sys.executable, "-m", module],
            directory / f"{name}.log",
            environment={**environment, "TARGET_LISTEN_FD": str(port.socket.fileno())},
            pass_fds=(port.socket.fileno(),),
        )
        port.release()
        return running

    def run(self, name: str, command: Sequence[str], log: Path, run_as: RunAs | None = None) -> None:
        """Run a command to its end; raises TargetError with the end of its log when it fails."""
        running = self.start("tool", name, command, log, run_as=run_as)
        code = running.process.wait()
        self.running.remove(running)
        if code != 0:
            raise failed(name, log, f"ended with code {code}")

    def remove_at_end(self, path: Path) -> None:
        """Have the guard remove this file or directory when we are gone, however we go."""
        self._send_to_guard({"remove": str(path)})

    def forget(self, running: Running) -> None:
        """It has ended by itself or by our doing: nothing is left to stop."""
        self.running.remove(running)

    def adopt_orphans(self) -> None:
        """From now on processes whose parent ended become our children, and each that ends is collected at once.

        Patroni leaves its PostgreSQL to whoever that is, and takes one that nobody has collected for alive.
        """
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
            signal.signal(signal.SIGCHLD, lambda _number, _frame: self.reap())
            self._adopts = True

    def reap(self) -> None:
        """Collect what has died, so that it does not stay as a zombie."""
        if self._starting:
            return
        for server in self.running:
            server.process.poll()
        self._guard.poll()
        ours = {server.process.pid for server in self.running} | {self._guard.pid}
        with suppress(ChildProcessError):
            while self._adopts and (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
                if ended.si_pid in ours:
                    break  # it ended just now: poll it first
                os.waitpid(ended.si_pid, 0)

    @contextmanager
    def _reaping_put_off(self) -> Iterator[None]:
        """A child that ends before we know of it is ours all the same."""
        self._starting = True
        try:
            yield
        finally:
            self._starting = False
        if self._adopts:
            self.reap()

    def stop_all(self) -> None:
        """End every server and then the guard; returns when all of them are gone."""
        stop_signals = {server.identity: server.stop_signal for server in self.running}
        data_directories = [one.data_directory for one in self.running if one.data_directory is not None]
        guard.terminate_all(stop_signals, data_directories, GRACE_S)
        for server in self.running:
            server.process.wait()
        with suppress(BrokenPipeError):
            self._pipe.close()
        self._guard.wait()

    def _send_to_guard(self, order: Mapping[str, object]) -> None:
        self._pipe.write(json.dumps(order).encode() + b"\n")
        self._pipe.flush()

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._guard.stdin is not None  # it was opened with PIPE
        return self._guard.stdin


def wait_for(server: Running, what: str, ready: Callable[[], T | None], limit_s: float = 30.0) -> T:
    """Poll until `ready` gives something; raises TargetError when the server dies or takes too long."""
    deadline = time.monotonic() + limit_s
    while True:
        result = ready()
        if result is not None:
            return result
        code = server.process.poll()
        if code is not None:
            raise failed(server.name, server.log, f"ended with code {code} before {what}")
        if time.monotonic() > deadline:
            raise failed(server.name, server.log, f"was not {what} within {limit_s:g} s")
        time.sleep(POLL_S)


def failed(name: str, log: Path, how: str) -> TargetError:
    """The error for a server that did not start, with the last lines of its log."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    log_tail = " | ".join(lines[-QUOTED_LINES:]) or "nothing"
    return TargetError(f"{name} {how}", f"the last it said: {log_tail}")


def _dies_with(parent_pid: int) -> Callable[[], None] | None:
    if _LIBC is None:
        return None  # macOS: the guard alone has to do
    libc = _LIBC

    def arm() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:
            os._exit(1)  # the parent died before it was set

    return arm
