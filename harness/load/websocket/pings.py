"""Pings of ours: how long a server, or a proxy before it, takes for an answer that costs it nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.load.websocket.connection import Connection, ConnectionEndedError

if TYPE_CHECKING:
    from harness.load.websocket.users import WebSocketUser

NO_PONG = "no pong"


class Pings:
    """Of one user, whose attributes ``ping_every_s`` and ``ping_timeout_s`` it goes by, and in whose name it counts.

    One is on its way at a time. All instants are ``time.monotonic()`` seconds.
    """

    __slots__ = ("_due_s", "_number", "_sent_s", "_user")

    def __init__(self, user: WebSocketUser) -> None:
        self._user = user
        self._number = 0
        self._due_s = math.inf
        self._sent_s: float | None = None
        """Of the one that is on its way."""

    def begin(self, opened_s: float) -> None:
        """There is a new connection. What is unanswered on the one before has been neither answered nor missed."""
        self._due_s, self._sent_s = opened_s + self._user.ping_every_s, None

    def next_s(self, connection: Connection, now_s: float) -> float:
        """Does what is due, and says when it wants to be asked again. Raises ConnectionEndedError."""
        name = self._user.name
        pong, sent_s = connection.pong, self._sent_s
        if sent_s is not None and pong is not None and pong.data == self._payload and pong.arrived_s >= sent_s:
            # One that was not read at once has lain there, nobody knows how long.
            if not sent_s < connection.reading_since_s <= pong.arrived_s:
                self._user.observe("ping", name, sent_s, pong.arrived_s)
            self._sent_s = sent_s = None
        if sent_s is not None:
            lost_s = max(sent_s, connection.reading_since_s) + self._user.ping_timeout_s
            if now_s >= lost_s:
                self._sent_s = None
                self._user.missing(f"ping {name}", NO_PONG, sent_s)
                raise ConnectionEndedError(NO_PONG, now_s)
            return lost_s
        if now_s >= self._due_s:
            self._number += 1
            self._sent_s, self._due_s = now_s, now_s + self._user.ping_every_s
            connection.ping(self._payload)
            return now_s + self._user.ping_timeout_s
        return self._due_s

    @property
    def _payload(self) -> bytes:
        return b"%d" % self._number
