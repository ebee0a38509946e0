"""A process beside the load, from its own side: what it reads, what it writes, and when it has to end.

It ends when its input closes, that is also when its parent was killed, and on SIGTERM. Nothing here may import locust
or gevent: they take seconds to load and replace the threads on which it relies.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

from harness.clients import connection_guard, tls

ALLOW_HOST = "allow_host"
"""Of the first line: the hosts, besides this machine, to which it may connect."""
TLS = "tls"
"""Of the first line: whom it trusts, and as whom it shows itself."""


class ParentLink:
    """Make one first of all, in the main thread. ``stopping`` is set when it is time to end."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._parent_pid = os.getppid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # for the one thread that waits for it
        self.output = os.dup(1)
        os.dup2(2, 1)  # whatever a plug-in prints must not get between the lines of the output
        threading.Thread(target=self._wait_for_sigterm, daemon=True).start()
        threading.Thread(target=self._listen, daemon=True).start()

    def line(self) -> bytes:
        """The next line of the input; empty when it is time to end."""
        return self._lines.get()

    def obey(self, plan: Mapping[str, Any]) -> None:
        """Who started us says itself who it is, because it may have died before we could ask; and where connections may
        go, and how.
        """
        self._parent_pid = int(plan.get("parent_pid", os.getppid()))
        connection_guard.arm([str(name) for name in plan.get(ALLOW_HOST, ())])
        tls.arm(tls.RunTls.from_data(plan.get(TLS, {})))

    def _wait_for_sigterm(self) -> None:
        # Not a handler: it would run inside the main thread's wait for this very event, and could hang there.
        signal.sigwait([signal.SIGTERM])
        self._end()

    def _listen(self) -> None:
        """Reads until the end of the input, or until the parent died while a forked copy of it holds the pipe."""
        rest = b""
        while os.getppid() == self._parent_pid:
            ready, _, _ = select.select([0], [], [], 1.0)
            if not ready:
                continue
            data = os.read(0, 65536)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._lines.put(line)
        self._end()

    def _end(self) -> None:
        self.stopping.set()
        self._lines.put(b"")


class LineWriter:
    """Writes lines from a thread of its own: a parent that is slow to read delays nothing."""

    def __init__(self, descriptor: int, on_broken: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        self._lines.put(line + b"\n")

    def close(self, timeout_s: float) -> None:
        self._lines.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                self._on_broken()
                return
