"""Takes a server of HAProxy out of its backend over the runtime socket, and puts it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.clients.address import url_problems
from harness.clients.haproxy import HaproxyError, parse_statistics, run_command
from harness.faults import Fault, FaultError
from harness.plugins import parameter

TIMEOUT_S = 3.0
STATES = {"drain": "DRAIN", "maint": "MAINT"}
"""What can be set, and how `show stat` begins the status of such a server."""


@dataclass(frozen=True)
class HaproxyDrain(Fault):
    """``state`` drain: no new connection, those that are there go on; maint: none at all. Undone: ``ready``.

    ``socket`` is the path of the runtime socket or its host:port, ``server`` is written backend/name.
    """

    socket: str = parameter(help="runtime socket: its path, or host:port")
    server: str = parameter(help="server to take out, as backend/name")
    state: str = parameter("drain", "drain: no new connection; maint: none at all", choices=STATES)

    def conflicts(self) -> Iterator[str]:
        if not self.socket:
            yield "socket is empty. Give the path of the runtime socket, or host:port"
        for url in self.addresses():
            yield from (f"socket: {problem}" for problem in url_problems(url))
        backend, slash, name = self.server.partition("/")
        if not (slash and backend and name) or not self.server.isprintable() or set(self.server) & set(" ;\\"):
            yield f"server is {self.server!r}. Give backend/name, e.g. api/api1"

    def addresses(self) -> Iterable[str]:
        return () if "/" in self.socket or not self.socket else (f"http://{self.socket}",)

    def pin(self) -> HaproxyDrain:
        """Looks whether there is such a server, and whether it is in: its undoing would put in what was out before."""
        status = self._status()
        if status.startswith(tuple(STATES.values())):
            raise FaultError(
                f"{self.server} is out already, {status}: choose another, or first put it in with "
                f"`set server {self.server} state ready`"
            )
        return self

    def inject(self) -> str:
        self._set(self.state)
        status = self._status()
        if not status.startswith(STATES[self.state]):
            raise FaultError(f"{self.server} was set to {self.state}, and HAProxy says {status}")
        return f"{self.server} is in {self.state}"

    def undo(self) -> str:
        self._set("ready")
        status = self._status()
        if status.startswith(tuple(STATES.values())):
            raise FaultError(f"{self.server} was set to ready, and HAProxy says {status}")
        return f"{self.server} is ready again, {status}"

    def _set(self, state: str) -> None:
        answer = self._run(f"set server {self.server} state {state}")
        if answer:
            raise FaultError(f"{self.server}: HAProxy says: {answer}")

    def _status(self) -> str:
        try:
            rows = [row for row in parse_statistics(self._run("show stat")) if not row.is_backend]
        except HaproxyError as error:
            raise FaultError(f"HAProxy's socket {self.socket}: {error}") from None
        servers = {f"{row.backend}/{row.name}": row.status for row in rows}
        if self.server not in servers:
            raise FaultError(f"HAProxy has no server {self.server}; it has {', '.join(servers) or 'none'}")
        return servers[self.server]

    def _run(self, command: str) -> str:
        try:
            return run_command(self.socket, command, TIMEOUT_S).strip()
        except HaproxyError as error:
            raise FaultError(f"HAProxy's socket does not answer ({error}): is it the right one?") from None
