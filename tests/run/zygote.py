"""Runs that are forks of one process, which has imported Locust and the harness once for all of them.

To import them takes most of what a short run needs of the machine. From its arguments on, such a run is a process
like any other: of its own session, with its own environment and streams, and it forks, is signalled, and ends as ever.
"""

from __future__ import annotations

import _socket
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

END = b"{}"
"""The request after which there is none."""
PATIENCE_S = 60.0
"""For the process to have imported everything, on a busy machine."""


class Forked:
    """A run, with as much of ``subprocess.Popen`` as the tests use."""

    def __init__(self, args: Sequence[str], reply: int) -> None:
        self.args = args
        self.returncode: int | None = None
        self._reply = reply
        self._said = b""
        # Not sooner: others may wait for it just then, and what is closed wakes nobody.
        weakref.finalize(self, os.close, reply).atexit = False  # at an exit some are still being waited for
        if not self._heard(1, PATIENCE_S):
            raise RuntimeError("the process that forks the runs does not answer")
        self.pid = int(self._said.split()[0])

    def poll(self) -> int | None:
        if self.returncode is None and self._heard(2, 0.0):
            self.returncode = int(self._said.split()[1])
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
            if not said and self._said.count(b"\n") < lines:  # else somebody else has read it meanwhile
                raise RuntimeError(f"nobody waits any more for {' '.join(self.args)}")
            self._said += said
        return True


class Zygote:
    """The process of a script; it is started with the first run, and ends when it is closed or the tests have ended.

    ``beside``: one whose forks those of this one may want.
    """

    def __init__(
        self, script: str, variables: Mapping[str, str] | None = None, beside: Zygote | None = None, padding: str = ""
    ) -> None:
        self._script = script
        self._variables = variables or {}
        self._beside = beside
        self._padding = padding
        self._process: subprocess.Popen[bytes] | None = None
        self._control: _socket.socket | None = None
        self._starting = threading.Lock()

    def start(
        self, words: Sequence[str], environment: Mapping[str, str], directory: Path, out: int, err: int
    ) -> Forked:
        """A run of the command ``locust`` or ``springback`` with these descriptors as its output and errors."""
        nothing = os.open(os.devnull, os.O_RDONLY)
        reply = self.ask(words, environment, directory, [nothing, out, err])
        os.close(nothing)
        return Forked(words, reply)

    def ask(self, words: Sequence[str], environment: Mapping[str, str], directory: Path, streams: Sequence[int]) -> int:
        """Has it fork, with these descriptors as the fork's standard ones; where that says its pid, and its code."""
        request = {
            "words": list(words),
            "environment": dict(environment),
            "directory": str(directory),
            "parent": os.getpid(),
        }
        reading, writing = os.pipe()
        socket.send_fds(self.connection(), [json.dumps(request).encode()], [writing, *streams])  # type: ignore[arg-type]
        os.close(writing)
        return reading

    def connected(self, descriptor: int) -> None:
        """It is there already, at the other end of this."""
        self._control = _socket.socket(fileno=descriptor)

    def close(self) -> None:
        """What it and its forks have taken of the machine counts as this process's from now on."""
        if self._control is not None and self._process is not None:
            self._control.send(END)  # others may have this end of the connection, too
            self._control.close()
            self._process.wait()

    def connection(self) -> _socket.socket:
        """Our end; it blocks, also where Locust has patched this process, as a packet is sent in no time."""
        theirs = None
        # Nothing that waits: where Locust has patched the process, greenlets hold this lock, which it has not patched.
        with self._starting:
            if self._control is None:
                # A request is one packet; those that come before the process is there wait for it.
                self._control, theirs = _socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            control = self._control
        if theirs is not None:
            beside = [] if self._beside is None else [self._beside.connection().fileno()]
            command = [sys.executable, "-P", str(Path(__file__).parent / self._script), *map(str, beside)]
            command += [self._padding] if self._padding else []
            root = str(Path(__file__).parents[2])
            self._process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                env={**os.environ, **self._variables, "PYTHONPATH": root},
                start_new_session=True,
                pass_fds=beside,
            )
            theirs.close()
        return control


# What glibc takes from the environment when a process begins, see target/stack/api.py; and room where a fork writes the
# words and the environment that others see of it.
_STEADY_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "2"}
_MOST_WORDS, _MOST_VARIABLES = "x" * 8_000, {"PADDING": "x" * 100_000}
preloaded = Zygote("preloaded_process.py", {**_STEADY_MEMORY, **_MOST_VARIABLES}, padding=_MOST_WORDS)
"""Of commands that run unpatched; see preloaded.py."""
zygote = Zygote("zygote_process.py", beside=preloaded)
