"""Open connections of a user, or of all users that asked to share them. Bounded, and closed with their user."""

from __future__ import annotations

import time

from gevent.lock import Semaphore

from harness.load.http.connecting import Opening
from harness.load.http.connection import Connection
from harness.load.http.errors import ConnectTimeoutError
from harness.load.http.request import Origin
from harness.load.http.settings import Limits, Trust

TRUSTED_S = 0.005
"""A connection that was used less than this long ago is used again without asking the kernel whether it is closed."""


class Pool:
    """At most ``size`` connections to one origin. Who finds none free waits for one."""

    __slots__ = ("_idle", "_limits", "_opening", "_origin", "_places", "_trust")

    def __init__(self, origin: Origin, size: int, trust: Trust, limits: Limits) -> None:
        if size < 1:
            raise ValueError(f"a pool of {size} connections: at least one is needed")
        self._origin = origin
        self._trust = trust
        self._limits = limits
        self._idle: list[Connection] = []
        self._opening: Opening | None = None
        """One that a gate may have begun to open; it is taken next."""
        self._places = Semaphore(size)

    def take(self, now_s: float, deadline_s: float, sent: bool = False) -> Connection:
        """A connection that looks alive, a new one if need be. Raises OSError.

        ``sent``: a gate has sent the request on the idle connection, so that there may be an answer on it already.
        """
        places = self._places
        if not places.acquire(blocking=False) and not places.acquire(timeout=max(0.0, deadline_s - time.monotonic())):
            raise ConnectTimeoutError("no free connection in time")
        try:
            if self._opening is not None:
                opening, self._opening = self._opening, None
                return Connection(opening, self._limits, deadline_s)
            while self._idle:
                connection = self._idle.pop()
                if sent or (connection.is_open and now_s - connection.idle_since_s < TRUSTED_S) or connection.usable():
                    return connection
                connection.close()
            return self._connect(deadline_s)
        except BaseException:
            places.release()
            raise

    def replace(self, connection: Connection, deadline_s: float) -> Connection:
        """A new connection in the place of one that turned out to be closed. Raises OSError."""
        connection.close()
        return self._connect(deadline_s)

    def prepare(self, deadline_s: float) -> Opening:
        """A connection for a gate to open, which is taken next; all others are closed. Raises OSError."""
        self.close()
        self._opening = opening = Opening(self._origin, self._trust, deadline_s)
        return opening

    def _connect(self, deadline_s: float) -> Connection:
        return Connection(Opening(self._origin, self._trust, deadline_s), self._limits, deadline_s)

    def give_back(self, connection: Connection, now_s: float) -> None:
        connection.idle_since_s = now_s
        connection.fresh = False
        self._idle.append(connection)
        self._places.release()

    def discard(self, connection: Connection) -> None:
        """Closes a connection that cannot be used again and frees its place."""
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
        if self._opening is not None:
            self._opening.close()
            self._opening = None
