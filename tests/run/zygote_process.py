"""The process whose forks are the runs of the tests: ``python zygote_process.py``; tests/run/zygote.py speaks to it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Never, TextIO
from unittest import mock

from tests.run.ending import end
from tests.run.preloaded import ForkedModule
from tests.run.zygote import END, preloaded

_control = socket.socket(fileno=os.dup(0))
_fork, _wait, _close = os.fork, os.waitpid, os.close
"""All from before Locust patches them: this process waits for nothing but requests, and its event loop never runs."""
MOST_BYTES = 1 << 18
"""Of a request: the words and the whole environment of a command."""
_of_the_run: list[TextIO] = []
"""In a fork of a run, its streams: nobody closes them here, which would write what the run itself has yet to write."""


def import_what_runs_import() -> None:
    """Locust first: it patches the process, and whatever is imported before it would keep what is not patched. What
    starts it for ``springback run`` is what wants that.
    """
    import harness.locust_process

    gc.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)

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
    from harness import attachment, criteria, faults, probes  # noqa: F401

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
        if message in (b"", END):
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

    from harness.commands import launched_locust, reference_target, runs_apart
    from harness.run import report_process
    from harness.sidecar import parent as sidecar

    gevent.reinit()
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["directory"])
    _open_streams()
    sys.argv = wanted["words"]
    started_by = {
        launched_locust: ForkedCommand,
        runs_apart: ForkedCommand,
        sidecar: ForkedModule,
        reference_target: ForkedModule,
    }
    code: Any = 1
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(report_process, "run_report", report_in_a_fork))
        for module, fork in started_by.items():
            processes = SimpleNamespace(**{**vars(subprocess), "Popen": fork})
            stack.enter_context(mock.patch.object(module, "subprocess", processes))
        try:
            code = _commands()[Path(sys.argv[0]).name]()
        except SystemExit as ended:
            code = ended.code
        except Exception:
            traceback.print_exc()
    end(code)


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


class ForkedCommand:
    """``python -m harness.…`` that ``springback`` starts, as a fork of it: as much of ``subprocess.Popen`` as it uses.

    It has a group of its own and no session: a signal to the group of who has started it is not for it, and it is found
    by the session.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        start_new_session: bool,
        env: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        stdout: TextIO | None = None,
        stderr: int | None = None,
        text: bool = True,
    ) -> None:
        from gevent.os import fork_and_watch

        assert start_new_session and text and stderr in (None, subprocess.PIPE)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        reading, writing = os.pipe() if stderr else (-1, -1)
        self.returncode: int | None = None
        self.pid = fork_and_watch()
        if not self.pid:
            if stdout is not None:
                os.dup2(stdout.fileno(), 1)
            if stderr:
                os.dup2(writing, 2)
            _become_command(command[command.index("-m") + 1 :], env, pass_fds)
        with contextlib.suppress(OSError):  # it does so itself, but whoever signals its group may come first
            os.setpgid(self.pid, self.pid)
        self.stderr: TextIO | None = None
        if stderr:
            _close(writing)
            self.stderr = os.fdopen(reading, encoding="utf-8", errors="replace")

    def poll(self) -> int | None:
        return self._ended(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int | None:
        import gevent

        with gevent.Timeout(timeout, subprocess.TimeoutExpired("", timeout or 0.0)):
            return self._ended(0)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, options: int) -> int | None:
        from gevent.os import waitpid

        if self.returncode is None:
            pid, status = waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _become_command(words: Sequence[str], environment: Mapping[str, str], kept: Sequence[int]) -> Never:
    from harness import cli, locust_process

    os.setpgid(0, 0)
    for descriptor in kept:
        os.set_blocking(descriptor, True)  # gevent has made it otherwise
    _close_sockets([*kept, preloaded.connection().fileno()])
    os.environ.clear()
    os.environ.update(environment)
    _of_the_run.extend([sys.stdout, sys.stderr])
    _open_streams()
    main, interrupted = {
        "harness.locust_process": (locust_process.main, signal.SIG_DFL),
        "harness.cli": (cli.main, signal.default_int_handler),
    }[words[0]]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, interrupted)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])
    sys.argv = ["springback", *words[1:]]
    gc.disable()
    code: Any = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 1
    end(code)


def _close_sockets(kept: Sequence[int]) -> None:
    """Those that a new process would not have: whoever waits for their end would wait for this process as well."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):  # what the directory itself was read by
            if int(entry.name) not in kept and str(entry.readlink()).startswith("socket:"):
                _close(int(entry.name))


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
    preloaded.connected(int(sys.argv[1]))
    import_what_runs_import()
    gc.freeze()  # no fork has to look through it again
    if (wanted := next_run()) is not None:
        be(wanted)
