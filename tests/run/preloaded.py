"""Commands ``python -m MODULE`` as forks of one process that has imported what they need, and that nothing has patched.

Of what a sampler or an API process of the reference target takes of the machine in a short run, the interpreter and its
imports are most. From its words on such a process is one like any other, see preloaded_process.py.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.run.zygote import Forked, preloaded


class ForkedModule(Forked):
    """``[python, …, "-m", MODULE, …]`` as such a fork: as much of ``subprocess.Popen`` as those use who start one."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        text: bool = False,
        start_new_session: bool = True,
    ) -> None:
        assert start_new_session
        theirs: list[int] = []
        streams: list[int] = []
        ours: list[IO[Any] | None] = []
        for number, wanted in enumerate((stdin, stdout, stderr)):
            if wanted == subprocess.PIPE:
                ends = os.pipe()
                reading = number > 0
                theirs.append(ends[1 if reading else 0])
                streams.append(theirs[-1])
                ours.append(_opened(ends[0 if reading else 1], "r" if reading else "w", text))
                continue
            ours.append(None)
            if wanted in (None, subprocess.DEVNULL):
                theirs.append(os.dup(number) if wanted is None else os.open(os.devnull, os.O_RDWR))
                streams.append(theirs[-1])
            else:
                streams.append(wanted if isinstance(wanted, int) else wanted.fileno())
        self.stdin, self.stdout, self.stderr = ours
        reply = preloaded.ask(command, os.environ if env is None else env, cwd or Path.cwd(), streams)
        for descriptor in theirs:
            os.close(descriptor)
        super().__init__(command, reply)

    def __enter__(self) -> ForkedModule:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr, self.stdin):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self.wait()


def _opened(descriptor: int, mode: str, text: bool) -> IO[Any]:
    """Our end of a pipe. Where Locust has patched this process, whoever reads from it lets the others go on."""
    if "gevent" in sys.modules:
        from gevent import monkey

        if monkey.is_module_patched("subprocess"):
            from gevent.fileobject import FileObject

            stream: IO[Any] = FileObject(descriptor, mode if text else f"{mode}b")
            return stream
    if text:
        return os.fdopen(descriptor, mode)
    return os.fdopen(descriptor, f"{mode}b", -1 if mode == "r" else 0)
