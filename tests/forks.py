"""Processes that are forks of one which has imported what they need: a fork takes a millisecond, an interpreter fifty
or more. What a fork does is a function of a module, which is called with the fork's end of a channel.
"""

from __future__ import annotations

import _socket
import functools
import importlib
import os
import signal
import socket
import subprocess
import sys
import traceback
from pathlib import Path


class Channel:
    """Lines to another process and back. It blocks, also where Locust has patched this process: nothing else goes on
    while the other one is being asked.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._in = os.fdopen(descriptor)
        self._out = os.fdopen(descriptor, "w", closefd=False)

    def tell(self, line: str) -> None:
        """One line to the other side."""
        self._out.write(line + "\n")
        self._out.flush()

    def hear(self) -> str:
        """One line of the other side; empty where it has ended."""
        return self._in.readline()

    def close(self) -> None:
        """Our end."""
        self._out.close()
        self._in.close()


def forked(module: str, function: str) -> Channel:
    """Our end of the channel to a new process that is in this function, and ends with it."""
    ours, theirs = _socket.socketpair()  # not gevent's
    socket.send_fds(_forking(module, function)[1], [b"1"], [theirs.fileno()])  # type: ignore[arg-type]
    theirs.close()
    return Channel(ours.detach())


@functools.cache
def _forking(module: str, function: str) -> tuple[subprocess.Popen[bytes], _socket.socket]:
    """The process that forks, which ends when this one has, and where it is sent the other end of each channel."""
    ours, theirs = _socket.socketpair()
    command = [sys.executable, "-m", "tests.forks", module, function, str(theirs.fileno())]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], pass_fds=[theirs.fileno()])
    theirs.close()
    return process, ours


def _fork(module: str, function: str, control: socket.socket) -> None:
    does = getattr(importlib.import_module(module), function)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        if os.fork() == 0:
            try:
                control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                does(Channel(descriptors[0]))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(descriptors[0])


if __name__ == "__main__":
    _fork(sys.argv[1], sys.argv[2], socket.socket(fileno=int(sys.argv[3])))
