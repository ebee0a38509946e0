"""What the autoscaler asks of HAProxy's runtime socket. Every method raises OSError when nobody listens there."""

from __future__ import annotations

from pathlib import Path

from target.stack.haproxy import BACKEND, CHECKS, ServerStatus, runtime_command, servers_of
from target.stack.ports import LOOPBACK


class CommandRefused(OSError):  # noqa: N818
    """The proxy refused a command."""


class HaproxyRuntime:
    """The servers of the API's backend."""

    def __init__(self, socket: Path, max_sessions: int) -> None:
        self._socket = socket
        self._max_sessions = max_sessions

    def servers(self) -> dict[str, ServerStatus]:
        return {one.name: one for one in servers_of(self._socket, BACKEND)}

    def add(self, name: str, port: int) -> None:
        """A new server that takes requests at once."""
        self._run(
            f"add server {BACKEND}/{name} {LOOPBACK}:{port} check {CHECKS} maxconn {self._max_sessions}", "registered"
        )
        self._run(f"enable health {BACKEND}/{name}")
        self._run(f"set server {BACKEND}/{name} state ready")

    def drain(self, name: str) -> None:
        """No new request; those under way go on."""
        self._run(f"set server {BACKEND}/{name} state drain")

    def shutdown_sessions(self, name: str) -> None:
        """End the sessions that are left."""
        self._run(f"shutdown sessions server {BACKEND}/{name}")

    def disable(self, name: str) -> None:
        """Out of service: nothing at all goes there."""
        self._run(f"set server {BACKEND}/{name} state maint")

    def delete(self, name: str) -> bool:
        """Forget a server that is disabled; False while it still has a connection."""
        return "deleted" in runtime_command(self._socket, f"del server {BACKEND}/{name}").lower()

    def _run(self, command: str, expected: str = "") -> None:
        answer = runtime_command(self._socket, command).strip()
        if expected not in answer.lower() or (not expected and answer):
            raise CommandRefused(f"{command.split(' ', 1)[0]}: {answer}")
