"""Stops, pauses, kills or restarts a container, by Docker's Engine API."""

from __future__ import annotations

import dataclasses
import socket as sockets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.clients.docker_engine import (
    SOCKET,
    ContainerState,
    Engine,
    EngineError,
    address_of,
    address_problems,
    addresses_of,
    is_name,
)
from harness.faults import Fault, FaultError
from harness.plugins import parameter

ACTIONS = ("stop", "pause", "kill", "restart")
SEEN_WITHIN_S = 3.0
SHORT_ID = 12
"""Letters of an id that Docker shows, and that a container has for its host name."""


@dataclass(frozen=True)
class DockerContainer(Fault):
    """``action`` stop: SIGTERM, and SIGKILL ``grace_s`` later; kill: ``signal`` at once; pause: its processes stand
    still, and connections stay open; restart: stop, and start. Undone: it is started, or goes on.

    A container that is removed when it stops (``--rm``) could not be started again, and is refused, unless it is only
    paused. Of TCP only the plain one is spoken, so let it be that of this machine.
    https://docs.docker.com/reference/api/engine/
    """

    container: str = parameter(help="its name, or its id")
    action: str = parameter("stop", "what is done to it", choices=ACTIONS)
    socket: str = parameter(SOCKET, "the engine's socket: its path, or host:port")
    signal: str = parameter("SIGKILL", "what kill sends")
    grace_s: int = parameter(1, "seconds that stop and restart wait before they kill", highest=3)
    timeout_s: float = parameter(5.0, "longest time for one request to the engine", lowest=0.1, highest=5)
    container_id: str = parameter("", "what was found; leave it empty")
    """So that a new container of the same name is left alone."""

    def conflicts(self) -> Iterator[str]:
        if not is_name(self.container):
            yield f"container is {self.container!r}. Give its name or id, as `docker ps` shows it"
        yield from address_problems(self.socket)
        if self.signal != "SIGKILL" and self.action != "kill":
            yield "signal is what kill sends. Leave it away, or choose action=kill"
        if not self.signal.isalnum():
            yield f"signal is {self.signal!r}. Give a name like SIGTERM, or a number"

    def addresses(self) -> Iterable[str]:
        return addresses_of(self.socket)

    def pin(self) -> DockerContainer:
        """Looks whether it is there and runs. Raises FaultError, also for the container that we run in."""
        state = self._state(self.container)
        if not state.is_running or state.is_paused:
            raise FaultError(f"container {state.name} is {state.status}: there is nothing to disturb, start it first")
        if state.container_id.startswith(sockets.gethostname()) and len(sockets.gethostname()) >= SHORT_ID:
            raise FaultError(f"container {state.name} is the one that we run in: name another")
        if state.removed_when_stopped and self.action != "pause":
            raise FaultError(
                f"container {state.name} is removed when it stops (--rm), so that nothing could start it again: run it "
                "without --rm, or choose action=pause"
            )
        return dataclasses.replace(self, container_id=state.container_id)

    def inject(self) -> str:
        before = self._state(self._id)
        if self.action in ("stop", "restart"):
            parameters: dict[str, str | int] = {"t": self.grace_s}
        else:
            parameters = {"signal": self.signal} if self.action == "kill" else {}
        self._do(self.action, **parameters)
        done = {"stop": "stopped", "pause": "paused", "kill": f"sent {self.signal} to", "restart": "restarted"}
        after = self._wait_for(before)
        return f"{done[self.action]} container {after.name}, which is {after.status} now"

    def undo(self) -> str:
        state = self._state(self._id)
        if state.is_paused:
            self._do("unpause")
            return f"container {state.name} goes on"
        if not state.is_running and self._do("start"):
            return f"started container {state.name}"
        return f"nothing to undo: container {state.name} is {state.status}"

    def _wait_for(self, before: ContainerState) -> ContainerState:
        """The state in which the action shows. A signal need not end a container, and a policy may start it again."""
        end_s = time.monotonic() + SEEN_WITHIN_S
        while True:
            now = self._state(self._id)
            is_new = now.started_at != before.started_at
            shows = {"pause": now.is_paused, "stop": not now.is_running or is_new, "restart": now.is_running and is_new}
            if shows.get(self.action, not now.is_running or is_new or self.signal != "SIGKILL"):
                return now
            if time.monotonic() > end_s:
                raise FaultError(f"container {now.name} is still {now.status} {SEEN_WITHIN_S:g} s after {self.action}")
            time.sleep(0.02)

    @property
    def _id(self) -> str:
        return self.container_id or self.container

    def _state(self, container: str) -> ContainerState:
        try:
            return self._engine.state(container)
        except EngineError as error:
            raise FaultError(str(error)) from None

    def _do(self, action: str, **parameters: str | int) -> bool:
        try:
            return self._engine.do(self._id, action, **parameters)
        except EngineError as error:
            raise FaultError(f"{action} of container {self.container}: {error}") from None

    @property
    def _engine(self) -> Engine:
        return Engine(address_of(self.socket), self.timeout_s)
