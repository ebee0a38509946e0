"""Locust as ``springback run`` starts it: what it would run is checked in a fork, and then it becomes Locust.

What the check imports is nearly all that Locust needs, and takes longer than all else of a run that is refused. The
check has a process of its own, because to read a locustfile may do anything, and Locust reads it for the first time.
"""

# ruff: noqa: E402

from __future__ import annotations

import signal

# First of all, for what follows takes a second: a Ctrl-C ends it without a traceback, until attach() takes it back.
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

import contextlib
import gc
import json
import os
import socket
import sys
from typing import Any

_fork, _wait, _close = os.fork, os.waitpid, os.close
_Socket = socket.socket
"""All from before Locust patches them: nothing here waits by way of an event loop."""

gc.disable()  # nothing of what is imported is garbage: not to look for it, now and at the end, saves a fifth of a start
from harness.entry_points import read_once

with read_once():
    import gevent
    from locust.exception import RPCError
    from locust.main import main as locust

from harness import cli
from harness.commands import plan  # noqa: F401  for the check
from harness.commands.scenario_check import last_object
from harness.run.messages import LAUNCHER_FD, VERDICT_FD
from harness.safe_text import say

gc.freeze()
MOST_BYTES = 1 << 20
"""Of what comes at once."""


def main() -> None:
    launcher = _Socket(fileno=int(os.environ.pop(LAUNCHER_FD)))
    code, found = _checked(launcher)
    with contextlib.suppress(OSError):  # a launcher that is gone does not ask
        launcher.sendall(json.dumps([code, found]).encode() + b"\n")
    if code:
        sys.exit(code)
    try:
        request, (verdict, *_), _, _ = socket.recv_fds(launcher, MOST_BYTES, 2)
    except (OSError, ValueError):  # nobody wants it to be run, or is there any more
        return
    with launcher, launcher.makefile("rb") as rest:
        arguments, variables = json.loads(request if request.endswith(b"\n") else request + rest.readline())
    sys.argv += arguments
    os.environ.update(variables)
    os.environ[VERDICT_FD] = str(verdict)
    gc.enable()
    try:
        locust()
    except RPCError as error:
        if "bind" not in str(error):
            raise
        # The port was free when the options were checked.
        say(f"the master cannot listen: {error}; choose another port with --master-bind-port")
        sys.exit(2)


def _checked(launcher: socket.socket) -> tuple[int, dict[str, Any]]:
    """Exit code of ``springback host``, which is made in a fork, and what it has found."""
    reading, writing = os.pipe()
    pid = _fork()
    if not pid:
        gevent.reinit()
        launcher.close()
        _close(reading)
        os.dup2(writing, 1)
        _close(writing)
        sys.argv = ["springback", "host", *sys.argv[2:]]
        try:
            cli.main()
        finally:
            gc.freeze()
        sys.exit()
    _close(writing)
    with os.fdopen(reading, "rb") as output:
        said = output.read().decode(errors="replace")
    return os.waitstatus_to_exitcode(_wait(pid, 0)[1]), last_object(said)


if __name__ == "__main__":
    main()
