"""The process whose forks are the runs of the tests: ``python zygote_process.py``; tests/run/zygote.py speaks to it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from tests.run.ending import end
from tests.run.forked_command import (
    ForkedCommand,
    OneByOne,
    commands,
    open_streams,
    report_in_a_fork,
)
from tests.run.preloaded import ForkedModule
from tests.run.zygote import END, preloaded

_control = socket.socket(fileno=os.dup(0))
_fork, _wait, _close, _select = os.fork, os.waitpid, os.close, select.select
_tests = os.pidfd_open(os.getppid())
"""All from before Locust patches them: this process waits for nothing but requests, and its event loop never runs."""
HTML = "html"
MOST_BYTES = 1 << 18
"""Of a request: the words and the whole environment of a command."""


def import_what_runs_import() -> None:
    """Locust first: it patches the process, and whatever is imported before it would keep what is not patched. What
    starts it for ``springback run`` is what wants that.
    """
    import harness.locust_process

    gc.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)

    import encodings.ascii  # noqa: F401  this and the next four at a run's first request

    import gevent.fileobject
    import gevent.resolver.thread
    import gevent.threadpool
    import gevent.util  # noqa: F401
    import locust.main  # noqa: F401
    import numpy  # noqa: F401  this and the next for the verdicts
    import scipy.special  # noqa: F401

    import harness.commands.check
    import harness.commands.launched_locust
    import harness.commands.plan
    import harness.commands.reference_target
    import harness.commands.run
    import harness.commands.runs_apart
    import harness.commands.scenario_files
    import harness.load.http
    import harness.load.websocket
    import harness.run.master
    import harness.run.worker
    import harness.web.install
    import harness.web.metrics_port  # noqa: F401
    import reports
    from harness import attachment, criteria, faults, probes  # noqa: F401

    for folder in (criteria, faults, probes):
        for name in folder.available():
            folder.parameters(name)
    for name in reports.available():
        if name != HTML:
            importlib.import_module(f"reports.{name}")
    for file in Path(__file__).parents[2].glob("shapes/[a-z]*.py"):
        importlib.import_module(f"shapes.{file.stem}")


def draws(words: list[str]) -> bool:
    """Whether the command draws pages, what it needs for which takes longest to import; most do not. A fork that does
    all the same imports it by itself.
    """
    command = words[1] if Path(words[0]).name == "springback" and len(words) > 1 else ""
    if command in ("plan", "host"):
        return False
    formats = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "--report-formats"]
    makes_several = "--repeat" in words or command in ("suite", "find-limit")
    return makes_several or not formats or HTML in formats[-1].split(",")


def next_run() -> dict[str, Any] | None:
    """In a fork of this process: what it is to run. None in this process itself, when nobody wants anything more."""
    while True:
        # Where the tests were killed, a fork of theirs may still have their end of the connection.
        if _tests in _select([_control, _tests], [], [])[0]:
            return None
        message, descriptors, _, _ = socket.recv_fds(_control, MOST_BYTES, 4)
        _wait_for_those_that_have_ended()
        if message in (b"", END):
            return None
        wanted = dict(json.loads(message))
        if f"reports.{HTML}" not in sys.modules and draws(wanted["words"]):
            importlib.import_module(f"reports.{HTML}")
            gc.freeze()
        if not _fork():
            _control.close()
            _close(_tests)
            reply, *streams = descriptors
            _become_a_run_and_wait_for_it(reply, streams)
            return wanted
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

    from harness.commands import launched_locust, reference_target, runs_apart, scenario_check
    from harness.run import report_process
    from harness.sidecar import parent as sidecar

    gevent.reinit()
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["directory"])
    open_streams()
    sys.argv = wanted["words"]
    started_by = {
        launched_locust: ForkedCommand,
        runs_apart: ForkedCommand,
        scenario_check: ForkedCommand,
        sidecar: ForkedModule,
        reference_target: ForkedModule,
    }
    code: Any = 1
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(report_process, "run_report", report_in_a_fork))
        stack.enter_context(mock.patch.object(scenario_check, "ThreadPoolExecutor", OneByOne))
        for module, fork in started_by.items():
            processes = SimpleNamespace(**{**vars(subprocess), "Popen": fork})
            stack.enter_context(mock.patch.object(module, "subprocess", processes))
        try:
            code = commands()[Path(sys.argv[0]).name]()
        except SystemExit as ended:
            code = ended.code
        except Exception:
            traceback.print_exc()
    end(code)


if __name__ == "__main__":
    preloaded.connected(int(sys.argv[1]))
    import_what_runs_import()
    gc.freeze()  # no fork has to look through it again
    if (wanted := next_run()) is not None:
        be(wanted)
