"""Open connections of a user, or of all users that asked to share them. Bounded, and closed with their user."""

from __future__ import annotations

import time

from gevent.lock import Semaphore

from harness.load.http.connection import Connection
from harness.load.http.errors import ConnectTimeoutError
from harness.load.http.request import Origin
from harness.load.http.settings import Limits, Trust

TRUSTED_S = 0.005
"""A connection that was used less than this long ago is used again without asking the kernel whether it is closed."""


class Pool:
    """At most ``size`` connections to one origin. Who finds none free waits for one."""

    __slots__ = ("_idle", "_limits", "_origin", "_places", "_trust")

    def __init__(self, origin: Origin, size: int, trust: Trust, limits: Limits) -> None:
        if size < 1:
            raise ValueError(f"a pool of {size} connections: at least one is needed")
        self._origin = origin
        self._trust = trust
        self._limits = limits
        self._idle: list[Connection] = []
        self._places = Semaphore(size)

    def take(self, now_s: float, deadline_s: float, sent: bool = False) -> Connection:
        """A connection that looks alive, a new one if need be. Raises OSError.

        ``sent``: a gate has begun to connect the idle connection, or sent the request on it; then there may be an
        answer on it already.
        """
        places = self._places
        if not places.acquire(blocking=False) and not places.acquire(timeout=max(0.0, deadline_s - time.monotonic())):
            raise ConnectTimeoutError("no free connection in time")
        try:
            while self._idle:
                connection = self._idle.pop()
                if sent or connection.is_prepared:
                    connection.connect(deadline_s)
                    return connection
                if (connection.is_open and now_s - connection.idle_since_s < TRUSTED_S) or connection.usable():
                    return connection
                connection.close()
            return self.connect(deadline_s)
        except BaseException:
            places.release()
            raise

    def connect(self, deadline_s: float) -> Connection:
        """A new connection for somebody who holds a place. Raises OSError."""
        connection = self._new(deadline_s)
        connection.connect(deadline_s)
        return connection

    def prepare(self, deadline_s: float) -> Connection:
        """A connection for a gate to open, idle here, the one that is taken next; others are closed. Raises OSError."""
        self.close()
        connection = self._new(deadline_s)
        self._idle.append(connection)
        return connection

    def _new(self, deadline_s: float) -> Connection:
        return Connection(self._origin, self._trust, self._limits, deadline_s)

    def give_back(self, connection: Connection, now_s: float) -> None:
        connection.idle_since_s = now_s
        connection.fresh = False
        self._idle.append(connection)
        self._places.release()

    def discard(self, connection: Connection | None) -> None:
        """Closes a connection that cannot be used again and frees its place."""
        if connection is not None:
            connection.close()
        self._places.release()

    def ready(self, deadline_s: float) -> Connection:
        """Makes sure that an open connection is idle here; the one that is taken next. Raises OSError."""
        now_s = time.monotonic()
        connection = self.take(now_s, deadline_s)
        fresh = connection.fresh
        self.give_back(connection, now_s)
        connection.fresh = fresh
        return connection

    def close(self) -> None:
        """Closes what is idle. Connections in use are closed by those who use them."""
        while self._idle:
            self._idle.pop().close()
