"""The connections of parked users, as a gate begins them: open already, or opened when the herd is due."""

from __future__ import annotations

from harness.load.http.connecting import PendingConnection
from harness.load.http.connection import Connection


class WarmConnection:
    """A request on an open connection, for the gate to send; with TLS it is encrypted by now."""

    __slots__ = ("_connection", "_wire_bytes", "begin")

    def __init__(self, connection: Connection, payload: bytes) -> None:
        self._connection = connection
        self._wire_bytes = connection.encrypt_ahead(payload)
        self.begin = connection.prepared_send(self._wire_bytes)

    def note_begun(self, outcome: int | None) -> bool:
        return self._connection.note_sent(self._wire_bytes, outcome)

    def continue_request(self) -> None:
        """All is sent."""

    def is_alive(self) -> bool:
        return self._connection.is_alive()


class ColdConnection:
    """A connection for the gate to open, and to send what comes first; its user goes on from where that has led."""

    __slots__ = ("_payload", "_pending", "begin")

    def __init__(self, pending: PendingConnection, payload: bytes) -> None:
        self._pending = pending
        self._payload = payload
        self.begin = pending.begin

    def note_begun(self, outcome: int | None) -> bool:
        self._pending.note_begun(outcome)
        return outcome is not None

    def continue_request(self) -> None:
        self._pending.send_early(self._payload)

    def is_alive(self) -> bool:
        """Nothing can happen to it before it is begun."""
        return True
