"""What the autoscaler asks of HAProxy's runtime socket. Every method raises OSError when nobody listens there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from target.stack.haproxy import BACKEND, CHECKS, runtime_command
from target.stack.ports import LOOPBACK


@dataclass(frozen=True)
class Server:
    """One row of `show stat`."""

    name: str
    up: bool
    sessions: int
    """Requests under way, and WebSockets."""


class Refused(OSError):  # noqa: N818
    """The proxy refused a command."""


class Runtime:
    """The servers of the API's backend."""

    def __init__(self, socket: Path, busy: int) -> None:
        self._socket = socket
        self._busy = busy

    def servers(self) -> dict[str, Server]:
        """Every server by name."""
        rows = [line.split(",") for line in runtime_command(self._socket, "show stat").splitlines()]
        return {
            row[1]: Server(row[1], row[17].startswith("UP"), int(row[4] or 0))
            for row in rows
            if row[0] == BACKEND and row[1] != "BACKEND"
        }

    def add(self, name: str, port: int) -> None:
        """A new server that takes requests at once."""
        self._order(f"add server {BACKEND}/{name} {LOOPBACK}:{port} check {CHECKS} maxconn {self._busy}", "registered")
        self._order(f"enable health {BACKEND}/{name}")
        self._order(f"set server {BACKEND}/{name} state ready")

    def drain(self, name: str) -> None:
        """No new request; those under way go on."""
        self._order(f"set server {BACKEND}/{name} state drain")

    def cut(self, name: str) -> None:
        """End the sessions that are left."""
        self._order(f"shutdown sessions server {BACKEND}/{name}")

    def rest(self, name: str) -> None:
        """Out of service: nothing at all goes there."""
        self._order(f"set server {BACKEND}/{name} state maint")

    def delete(self, name: str) -> bool:
        """Forget a server that rests; False while it still has a connection."""
        return "deleted" in runtime_command(self._socket, f"del server {BACKEND}/{name}").lower()

    def _order(self, command: str, expected: str = "") -> None:
        answer = runtime_command(self._socket, command).strip()
        if expected not in answer.lower() or (not expected and answer):
            raise Refused(f"{command.split(' ', 1)[0]}: {answer}")
