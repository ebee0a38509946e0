"""What a run, or a command, of the tests starts that is a fork of it: the process that judges it, and commands of ours.
They share what it has imported.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Never, TextIO

from tests.run.ending import end
from tests.run.zygote import preloaded

_close = os.close
"""From before Locust patches it: import this first."""
_of_the_run: list[TextIO] = []
"""In a fork of a run, its streams: nobody closes them here, which would write what the run itself has yet to write."""


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
        open_streams()
        from harness.run.report_process import report_words

        sys.argv = report_words(directory, formats, console)
        commands()["springback"]()
    except SystemExit as ended:
        code = ended.code or 0
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class OneByOne:
    """As much of a pool as is needed to call what it is given in the thread that asks: a fork of one of two threads
    would have the other, too, and with it what that is about to do.
    """

    map = staticmethod(map)

    def __init__(self, at_once: int) -> None:
        pass

    def __enter__(self) -> OneByOne:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class ForkedCommand:
    """``python -m harness.…`` that ``springback`` starts, as a fork of it: as much of ``subprocess.Popen`` as it uses.

    Where it should have a session of its own, it has a group: a signal to the group of who has started it is not for
    it, and it is found by the session.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        start_new_session: bool,
        env: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        stdout: IO[str] | None = None,
        stderr: IO[str] | int | None = None,
        text: bool = True,
    ) -> None:
        from gevent.os import fork_and_watch

        assert text and (not isinstance(stderr, int) or stderr == subprocess.PIPE)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        reading, writing = os.pipe() if isinstance(stderr, int) else (-1, -1 if stderr is None else stderr.fileno())
        self.returncode: int | None = None
        self.pid = fork_and_watch()
        if not self.pid:
            if stdout is not None:
                os.dup2(stdout.fileno(), 1)
            if stderr is not None:
                os.dup2(writing, 2)
            if start_new_session:
                os.setpgid(0, 0)
            _become_command(command[command.index("-m") + 1 :], env, pass_fds)
        if start_new_session:
            with contextlib.suppress(OSError):  # it does so itself, but whoever signals its group may come first
                os.setpgid(self.pid, self.pid)
        self.stderr: TextIO | None = None
        if isinstance(stderr, int):
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

    for descriptor in kept:
        os.set_blocking(descriptor, True)  # gevent has made it otherwise
    _close_sockets([*kept, preloaded.connection().fileno()])
    os.environ.clear()
    os.environ.update(environment)
    _of_the_run.extend([sys.stdout, sys.stderr])
    open_streams()
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


def open_streams() -> None:
    """New ones, with nothing of this process's own in their buffers."""
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding=encoding)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", encoding=encoding, errors="backslashreplace", buffering=1)


def commands() -> dict[str, Callable[[], Any]]:
    from locust.main import main as locust

    from harness.cli import main as springback

    return {"locust": locust, "springback": springback}
