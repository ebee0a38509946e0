"""Open connections of a user, or of all users that asked to share them. Bounded, and closed with their user."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import gevent
from gevent import getcurrent
from gevent.lock import Semaphore

from harness.load.http.connecting import PendingConnection
from harness.load.http.connection import Connection
from harness.load.http.errors import NoFreeConnectionError
from harness.load.http.request import Origin
from harness.load.http.settings import ResponseLimits, TlsSettings

TRUSTED_S = 0.005
"""A connection that was used less than this long ago is used again without asking the kernel whether it is closed."""


class ConnectionPool:
    """At most ``size`` connections to one origin. Who finds none free waits for one."""

    __slots__ = ("_anew", "_idle", "_limits", "_origin", "_pending", "_semaphore", "_tls_settings")

    def __init__(self, origin: Origin, size: int, tls_settings: TlsSettings, limits: ResponseLimits) -> None:
        if size < 1:
            raise ValueError(f"a pool of {size} connections: at least one is needed")
        self._origin = origin
        self._tls_settings = tls_settings
        self._limits = limits
        self._idle: list[Connection] = []
        self._pending: PendingConnection | None = None
        """One that a gate may have begun to open; it is taken next."""
        self._anew: gevent.Greenlet[..., Any] | None = None
        """Connects anew, at its time, unless a request comes before."""
        self._semaphore = Semaphore(size)

    def acquire(self, now_s: float, connect_s: float, deadline_s: float, sent: bool = False) -> Connection:
        """A connection that looks alive, a new one if need be. Raises OSError.

        ``connect_s``: for one to be free, and afresh for connecting: what a request has waited for others of ours is no
        time of the target's. ``sent``: a gate has sent the request on the idle connection, so that there may be an
        answer on it already.
        """
        if not self._semaphore.acquire(blocking=False):
            free_by_s = min(deadline_s, now_s + connect_s)
            if not self._semaphore.acquire(timeout=max(0.0, free_by_s - time.monotonic())):
                raise NoFreeConnectionError("no free connection in time")
            now_s = time.monotonic()
        try:
            if self._pending is not None:
                pending, self._pending = self._pending, None
                return Connection(pending, self._limits, min(deadline_s, now_s + connect_s))
            if self._anew is not None:
                if not self._idle:  # on its way: who waits for the rest is there sooner than who begins again
                    self._anew.join(max(0.0, min(deadline_s, now_s + connect_s) - time.monotonic()))
                self._forget_new()
            while self._idle:
                connection = self._idle.pop()
                just_used = connection.is_open and now_s - connection.idle_since_s < TRUSTED_S
                if sent or just_used or connection.is_alive():
                    return connection
                connection.close()
            return self._connect(min(deadline_s, now_s + connect_s))
        except BaseException:
            self._semaphore.release()
            raise

    def replace(self, connection: Connection, deadline_s: float) -> Connection:
        """A new connection in the place of one that turned out to be closed. Raises OSError."""
        connection.close()
        return self._connect(deadline_s)

    def pending_connection(self, deadline_s: float) -> PendingConnection:
        """A connection for a gate to open, which is taken next; all others are closed. Raises OSError."""
        self.close()
        self._pending = pending = PendingConnection(self._origin, self._tls_settings, deadline_s)
        return pending

    def _connect(self, deadline_s: float) -> Connection:
        return Connection(PendingConnection(self._origin, self._tls_settings, deadline_s), self._limits, deadline_s)

    def release(self, connection: Connection, now_s: float) -> None:
        connection.idle_since_s = now_s
        connection.is_new = False
        self._idle.append(connection)
        self._semaphore.release()

    def discard(self, connection: Connection) -> None:
        """Closes a connection that cannot be used again and frees its place."""
        connection.close()
        self._semaphore.release()

    def warm_up(self, connect_s: float) -> Connection:
        """Makes sure that an open connection is idle here; the one that is taken next. Raises OSError."""
        now_s = time.monotonic()
        connection = self.acquire(now_s, connect_s, now_s + 2 * connect_s)
        is_new = connection.is_new
        self.release(connection, now_s)
        connection.is_new = is_new
        return connection

    def connect_anew(self, after_s: float, connect_s: float) -> None:
        """After so many seconds what is idle is closed, and a new connection opened; at once where nothing is idle.
        That waits for the target, and nobody for it but a request that comes meanwhile. Where it fails the next request
        connects for itself, and tells.
        """
        self._forget_new()
        self._anew = gevent.spawn(self._connect_anew, after_s, connect_s)

    def _connect_anew(self, after_s: float, connect_s: float) -> None:
        if self._idle:
            gevent.sleep(after_s)
            self._close_idle()
        with contextlib.suppress(OSError):
            connection = self._connect(time.monotonic() + connect_s)
            if self._anew is getcurrent():
                self._idle.append(connection)
            else:
                connection.close()

    def _forget_new(self) -> None:
        anew, self._anew = self._anew, None
        if anew is not None:
            anew.kill(block=False)

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Closes what is idle. Connections in use are closed by those who use them."""
        self._forget_new()
        self._close_idle()
        if self._pending is not None:
            self._pending.close()
            self._pending = None
