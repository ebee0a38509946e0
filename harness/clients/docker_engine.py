"""Docker's Engine API, over its socket of this machine or over plain TCP. Podman's answers alike.

https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from harness.clients.connection import NoAnswerError
from harness.clients.http_get import Answer, request

LIMIT_BYTES = 4_000_000
SOCKET = "/var/run/docker.sock"
MOST_NAMES = 8
DONE, ALREADY_SO, UNKNOWN, CONFLICT = 204, 304, 404, 409


class EngineError(Exception):
    """The engine did not answer, or refused. ``str()`` is the cause in words, and what to do about it."""


@dataclass(frozen=True)
class ContainerState:
    """Of one container, as it is now."""

    container_id: str
    name: str
    status: str
    """In Docker's words: created, running, paused, restarting, exited, removing, dead."""
    is_running: bool
    """Also while it is paused."""
    is_paused: bool
    started_at: str
    removed_when_stopped: bool
    """``docker run --rm``."""


@dataclass(frozen=True)
class Engine:
    """``address`` is the path of its socket, or host:port."""

    address: str
    timeout_s: float

    def state(self, container: str) -> ContainerState:
        """Of the container of this name or id. Raises EngineError; for one that is not there with those that are."""
        answer = self._ask("GET", f"/containers/{quote(container, safe='')}/json")
        if answer.status == UNKNOWN:
            raise EngineError(f"there is no container {container}; running: {', '.join(self.names()) or 'none'}")
        if answer.status != 200:
            raise EngineError(self._refusal(answer))
        try:
            document = json.loads(answer.body)
            state = document["State"]
            return ContainerState(
                str(document["Id"]),
                str(document["Name"]).removeprefix("/"),
                str(state["Status"]),
                bool(state["Running"]),
                bool(state["Paused"]),
                str(state["StartedAt"]),
                bool((document.get("HostConfig") or {}).get("AutoRemove")),
            )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise EngineError(f"{self.address}: the answer describes no container: is this Docker's socket?") from None

    def names(self) -> list[str]:
        """Of containers that run, a few of them."""
        answer = self._ask("GET", "/containers/json")
        try:
            found = [str(each["Names"][0]).removeprefix("/") for each in json.loads(answer.body)]
        except (ValueError, LookupError, TypeError, RecursionError):
            return []
        return sorted(found)[:MOST_NAMES]

    def do(self, container_id: str, action: str, **parameters: str | int) -> bool:
        """``action``: start, stop, restart, kill, pause or unpause. Returns False where it was so already. Raises
        EngineError.
        """
        query = f"?{urlencode(parameters)}" if parameters else ""
        answer = self._ask("POST", f"/containers/{quote(container_id, safe='')}/{action}{query}")
        if answer.status not in (DONE, ALREADY_SO):
            raise EngineError(self._refusal(answer))
        return answer.status == DONE

    def _ask(self, method: str, path: str) -> Answer:
        is_path = "/" in self.address
        place = "docker" if is_path else self.address
        try:
            return request(
                f"http://{place}{path}",
                self.timeout_s,
                LIMIT_BYTES,
                method=method,
                accept="application/json",
                unix_socket=self.address if is_path else "",
            )
        except NoAnswerError as error:
            raise EngineError(_with_remedy(str(error))) from None

    def _refusal(self, answer: Answer) -> str:
        try:
            words = str(json.loads(answer.body)["message"])
        except (ValueError, LookupError, TypeError, RecursionError):
            words = f"{answer.reason}; is this Docker's socket?"
        return f"{self.address}: HTTP {answer.status}: {words}"


def _with_remedy(cause: str) -> str:
    if "there is no socket" in cause or "nobody listens" in cause:
        return f"{cause}: start the engine, or name its socket with socket="
    if "permission denied" in cause:
        path = cause.removesuffix(": permission denied")
        return f"{path} is not for this user: run the load as one of the group of that socket, docker as a rule"
    return cause
