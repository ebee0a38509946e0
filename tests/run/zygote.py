"""Runs that are forks of one process, which has imported Locust and the harness once for all of them.

To import them takes most of what a short run needs of the machine. From its arguments on, such a run is a process
like any other: of its own session, with its own environment and streams, and it forks, is signalled, and ends as ever.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE_S = 60.0
"""For the process to have imported everything, on a busy machine."""


class Forked:
    """A run, with as much of ``subprocess.Popen`` as the tests use."""

    def __init__(self, args: Sequence[str], reply: int) -> None:
        self.args = args
        self.returncode: int | None = None
        self._reply = reply
        self._said = b""
        if not self._heard(1, PATIENCE_S):
            raise RuntimeError("the process that forks the runs does not answer")
        self.pid = int(self._said.split()[0])

    def poll(self) -> int | None:
        if self.returncode is None and self._heard(2, 0.0):
            self.returncode = int(self._said.split()[1])
            os.close(self._reply)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        until_s = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left_s = None if until_s is None else until_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                assert timeout is not None
                raise subprocess.TimeoutExpired(list(self.args), timeout)
            select.select([self._reply], [], [], left_s)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _heard(self, lines: int, within_s: float) -> bool:
        """Whether so many lines have been said: the pid, the code."""
        while self._said.count(b"\n") < lines:
            if not select.select([self._reply], [], [], within_s)[0]:
                return False
            said = os.read(self._reply, 64)
            if not said:
                raise RuntimeError(f"nobody waits any more for {' '.join(self.args)}")
            self._said += said
        return True


class Zygote:
    """The process; it is started with the first run, and ends when it is closed or the tests have ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._starting = threading.Lock()

    def start(
        self, words: Sequence[str], environment: Mapping[str, str], directory: Path, out: int, err: int
    ) -> Forked:
        """A run of the command ``locust`` or ``springback`` with these descriptors as its output and errors."""
        control = self._connection()
        request = {"words": list(words), "environment": dict(environment), "directory": str(directory)}
        reading, writing = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        socket.send_fds(control, [json.dumps(request).encode()], [writing, nothing, out, err])
        os.close(writing)
        os.close(nothing)
        return Forked(words, reading)

    def close(self) -> None:
        """What it and its forks have taken of the machine counts as this process's from now on."""
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait()

    def _connection(self) -> socket.socket:
        theirs = None
        # Nothing that waits: where Locust has patched the process, greenlets hold this lock, which it has not patched.
        with self._starting:
            if self._control is None:
                # A request is one packet; those that come before the process is there wait for it.
                self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            control = self._control
        if theirs is not None:
            command = [sys.executable, "-P", str(Path(__file__).parent / "zygote_process.py")]
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
            with theirs:
                self._process = subprocess.Popen(command, stdin=theirs, env=environment, start_new_session=True)
        return control


zygote = Zygote()
