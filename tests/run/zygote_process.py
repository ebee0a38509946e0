"""The process whose forks are the runs of the tests: ``python zygote_process.py``; tests/run/zygote.py speaks to it."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never, TextIO
from unittest import mock

_control = socket.socket(fileno=os.dup(0))
_fork, _wait, _close, _exit = os.fork, os.waitpid, os.close, os._exit
"""All from before Locust patches them: this process waits for nothing but requests, and its event loop never runs."""
MOST_BYTES = 1 << 18
"""Of a request: the words and the whole environment of a command."""
_of_the_run: list[TextIO] = []
"""In a fork of a run, its streams: nobody closes them here, which would write what the run itself has yet to write."""


def import_what_runs_import() -> None:
    """Locust first: it patches the process, and whatever is imported before it would keep what is not patched."""
    import locust.main  # noqa: F401
    import numpy  # noqa: F401  this and the next for the verdicts
    import scipy.special  # noqa: F401

    import harness.commands.check
    import harness.commands.plan
    import harness.load.http
    import harness.load.websocket
    import harness.run.master
    import harness.run.worker
    import harness.web.install
    import harness.web.metrics_port  # noqa: F401
    import reports
    from harness import attach, criteria, faults, probes  # noqa: F401  attach the function: its module would hide it

    for folder in (criteria, faults, probes):
        for name in folder.available():
            folder.parameters(name)
    for name in reports.available():
        importlib.import_module(f"reports.{name}")
    for file in Path(__file__).parents[2].glob("shapes/[a-z]*.py"):
        importlib.import_module(f"shapes.{file.stem}")


def next_run() -> dict[str, Any] | None:
    """In a fork of this process: what it is to run. None in this process itself, when nobody wants anything more."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(_control, MOST_BYTES, 4)
        _wait_for_those_that_have_ended()
        if not message:
            return None
        if not _fork():
            _control.close()
            reply, *streams = descriptors
            _become_a_run_and_wait_for_it(reply, streams)
            return dict(json.loads(message))
        for descriptor in descriptors:
            _close(descriptor)


def _become_a_run_and_wait_for_it(reply: int, streams: list[int]) -> None:
    """Returns in the run. Its parent says its pid, and at its end its code, and ends."""
    run = _fork()
    if not run:
        os.setsid()
        _close(reply)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
    for stream in streams:  # in the parent too, so that who reads them sees their end with the run's
        _close(stream)
    if run:
        os.write(reply, b"%d\n" % run)
        os.write(reply, b"%d\n" % os.waitstatus_to_exitcode(_wait(run, 0)[1]))
        os._exit(0)


def _wait_for_those_that_have_ended() -> None:
    """Their time counts as this process's then, and so as that of the tests."""
    with contextlib.suppress(ChildProcessError):
        while _wait(-1, os.WNOHANG)[0]:
            pass


def be(wanted: dict[str, Any]) -> None:
    """Runs the command as a new process would: with its words, environment, directory and streams."""
    import gevent

    from harness.run import report_process

    gevent.reinit()
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["directory"])
    _open_streams()
    sys.argv = wanted["words"]
    code: Any = 1
    with mock.patch.object(report_process, "run_report", report_in_a_fork):
        try:
            code = _commands()[Path(sys.argv[0]).name]()
        except SystemExit as ended:
            code = ended.code
        except Exception:
            traceback.print_exc()
    end(code)


def end(code: Any) -> Never:
    """As the interpreter ends, but that nothing is taken apart of what the run shares with this process: it would be
    copied for that, which takes longer than all else.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    _exit(code or 0)


def report_in_a_fork(directory: Path, formats: str, console: str) -> int:
    """As :func:`harness.run.report_process.run_report`, in a fork of the run: to import what a verdict needs takes
    several times as long as to judge a short run.
    """
    from gevent.os import fork_and_watch, waitpid

    pid = fork_and_watch()  # it has the event loop wait, which would else take the exit code from us
    if pid:
        return os.waitstatus_to_exitcode(waitpid(pid, 0)[1])
    code: Any = 1
    try:
        os.setpgid(0, 0)  # a signal to the group of the run is not for it; it stays in the session, to be found there
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        gc.disable()
        _of_the_run.extend([sys.stdout, sys.stderr])
        _open_streams()
        from harness.run.report_process import report_words

        sys.argv = report_words(directory, formats, console)
        _commands()["springback"]()
    except SystemExit as ended:
        code = ended.code or 0
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _open_streams() -> None:
    """New ones, with nothing of this process's own in their buffers."""
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding=encoding)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", encoding=encoding, errors="backslashreplace", buffering=1)


def _commands() -> dict[str, Callable[[], Any]]:
    from locust.main import main as locust

    from harness.cli import main as springback

    return {"locust": locust, "springback": springback}


if __name__ == "__main__":
    import_what_runs_import()
    gc.freeze()  # no fork has to look through it again
    if (wanted := next_run()) is not None:
        be(wanted)
