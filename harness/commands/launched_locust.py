"""Locust's process as ``springback run`` sees it: started once, it says what it would run, waits, and runs it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from harness.commands.reference_target import ENDING, signals_put_off
from harness.findings import Outcome
from harness.run.messages import LAUNCHER_FD, PARENT, REFERENCE_TARGET
from harness.safe_text import say


@contextmanager
def started(locustfile: str, arguments: Sequence[str]) -> Iterator[LaunchedLocust]:
    """Starts it. When it has not ended by itself it is killed, with all that it has forked.

    It has a session of its own, so that a Ctrl-C reaches it once, from here, and not twice.
    """
    command = [sys.executable, "-P", "-m", "harness.locust_process", "-f", locustfile, *arguments]
    ours, theirs = socket.socketpair()
    inherited = {name: value for name, value in os.environ.items() if name != REFERENCE_TARGET}
    environment = {**inherited, LAUNCHER_FD: str(theirs.fileno())}
    process: subprocess.Popen[bytes] | None = None
    with ours:
        try:
            # It begins with SIGINT blocked, and takes it when it can end without a traceback.
            with signals_put_off(), theirs, _blocked(signal.SIGINT):
                process = subprocess.Popen(
                    command, start_new_session=True, env=environment, pass_fds=(theirs.fileno(),)
                )
            yield LaunchedLocust(process, ours)
        finally:
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class LaunchedLocust:
    """``launcher`` is our end of the socket to the ``process``."""

    def __init__(self, process: subprocess.Popen[bytes], launcher: socket.socket) -> None:
        self._process = process
        self._launcher = launcher

    def check(self) -> tuple[int, dict[str, Any]]:
        """Waits until it is known what would be run: exit code and findings of ``springback host``."""
        with self._launcher.makefile("rb") as answer:
            said = answer.readline()
        code, found = json.loads(said) if said else (self._process.wait() or Outcome.INCONCLUSIVE.exit_code, {})
        return (_said_of_signal(code) if code < 0 else code), found

    def run(
        self,
        arguments: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        *descriptors: int,
        judges: bool = True,
    ) -> int:
        """Has Locust run with these further arguments, environment variables and file descriptors, hands it SIGINT and
        SIGTERM, and waits until it is done.

        The verdict's code, where it has told one, holds whatever the process itself ends with. ``judges``: it has to
        tell one, if it is not to be inconclusive.
        """
        reading, writing = os.pipe()
        os.set_blocking(reading, False)

        def pass_on(number: int, _: Any) -> None:
            self._process.send_signal(number)

        before = {number: signal.signal(number, pass_on) for number in ENDING}
        try:
            request = json.dumps([list(arguments), {**(variables or {}), PARENT: str(os.getpid())}]).encode() + b"\n"
            with contextlib.suppress(OSError):  # it has been ended: its code says so
                sent = socket.send_fds(self._launcher, [request], [writing, *descriptors])
                self._launcher.sendall(request[sent:])
            os.close(writing)
            code = self._process.wait()
            told = _last_code(reading)
        finally:
            os.close(reading)
            for number, handler in before.items():
                signal.signal(number, handler)
        if code < 0 and told in (None, Outcome.INCONCLUSIVE.exit_code):
            return _said_of_signal(code)
        if code == 0 and told is None and judges:
            say("the locustfile ended Locust before there was a verdict; nothing is proven")
            return Outcome.INCONCLUSIVE.exit_code
        return code if told is None else told


def _said_of_signal(code: int) -> int:
    say(f"Locust was ended by {signal.Signals(-code).name}; nothing is proven")
    return Outcome.INCONCLUSIVE.exit_code


@contextmanager
def _blocked(number: signal.Signals) -> Iterator[None]:
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def _last_code(reading: int) -> int | None:
    """The last exit code that Locust's process has told, None when it has told none."""
    last = None
    with contextlib.suppress(BlockingIOError):  # a process that Locust has left behind holds the other end
        while codes := os.read(reading, 4096):
            last = codes[-1]
    return last
