"""A process beside the load, from the run's side: started, written to in lines of JSON, and read until it ends."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from harness.clients import connection_guard, tls
from harness.sidecar.child import ALLOW_HOST, TLS


class Sidecar:
    """Runs ``python -m module``. It gets ``first``, ``parent_pid``, ``allow_host`` and ``tls`` in its first line of
    input; see :mod:`harness.sidecar.child` for its own part.

    ``on_line`` gets each line of its output and ``on_end``, once, in words how it ended: both from one thread, or
    from one greenlet when gevent has patched this process, so that reading never blocks the hub. ``on_end`` may
    start another process.
    """

    def __init__(
        self, module: str, first: dict[str, object], on_line: Callable[[bytes], None], on_end: Callable[[str], None]
    ) -> None:
        self._on_line = on_line
        self._on_end = on_end
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by the reader
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
            env=_environment(),
        )
        of_run = {ALLOW_HOST: connection_guard.consented(), TLS: tls.of_run().to_data()}
        self.send({**first, "parent_pid": os.getpid(), **of_run})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, line: dict[str, object]) -> None:
        """One that has died hears nothing: its reader finds the end of its output, and says so."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()

    def close_input(self) -> None:
        """Tells it to end by itself."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        """Ends it, also when it is stopped; ``on_end`` is called as for any other end."""
        self._process.kill()

    def stop(self, timeout_s: float) -> None:
        """Tells it to end, and kills it if it does not within ``timeout_s``. What it said is handed on first."""
        self.close_input()
        self._reader.join(timeout_s)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(timeout_s)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._stderr, self._process.stdout:
            for line in self._process.stdout:
                self._on_line(line)
            cause = _cause(self._process.wait(), self._stderr)
        self._on_end(cause)


def _environment() -> dict[str, str]:
    """This environment, with this very package first; ``-P`` keeps the working directory out of it."""
    root = str(Path(__file__).parents[2])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, path] if path else [root])}


def _cause(code: int, stderr: IO[bytes]) -> str:
    stderr.seek(0)
    words = stderr.read().decode(errors="replace").strip().splitlines()
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"{how}: {words[-1]}" if words else how
