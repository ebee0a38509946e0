"""Docker's Engine API, over its socket of this machine or over plain TCP. Podman's answers alike.

https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from harness.clients.address import url_problems
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
    pid: int
    """Of its first process, where the engine runs; 0 when there is none."""
    restarts: int
    """By its restart policy, since it was made."""
    exit_code: int
    """Of what ended last; 0 while nothing has."""
    was_oom: bool
    """The kernel killed a process of it for want of memory."""
    cpu_limit_cores: float
    """0 without a limit."""


@dataclass(frozen=True)
class ContainerUsage:
    """Of one container that runs, as its control group counts."""

    read_at: datetime
    """By the engine's clock."""
    memory_working_set_bytes: float
    memory_limit_bytes: float
    """Without one of its own the machine's memory."""
    cpu_s: float
    throttling: Mapping[str, float]
    """``periods``, ``throttled_periods`` and ``throttled_s``, since it was started; zeros without a quota."""


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
                int(state.get("Pid", 0)),
                int(document.get("RestartCount", 0)),
                int(state.get("ExitCode", 0)),
                bool(state.get("OOMKilled")),
                _cpu_limit_cores(document.get("HostConfig") or {}),
            )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise EngineError(f"{self.address}: the answer describes no container: is this Docker's socket?") from None

    def usage(self, container: str) -> ContainerUsage | None:
        """What the container of this id uses; None where it does not run any more, or its memory is not told. Raises
        EngineError.

        Memory as ``docker stats`` shows it, use less inactive file cache (``calculateMemUsageUnixNoCache`` of its
        client); times are nanoseconds there. ``one-shot`` spares the engine a second sample, for which it would wait a
        second (API 1.41).
        """
        path = f"/containers/{quote(container, safe='')}/stats?stream=false&one-shot=true"
        answer = self._ask("GET", path)
        if answer.status in (UNKNOWN, CONFLICT):
            return None
        if answer.status != 200:
            raise EngineError(self._refusal(answer))
        try:
            document = json.loads(answer.body)
            if document.get("id", container) != container:
                raise EngineError(f"{self.address}: asked for container {container[:12]}, and told of another one")
            memory, cpu = document["memory_stats"], document["cpu_stats"]
            if not memory.get("usage"):
                return None  # as of a container that has ended, or where the memory controller is off
            details = memory.get("stats") or {}
            # Version 1 of control groups has both: the one of the group alone, and that with the groups within it.
            inactive = float(details.get("total_inactive_file", details.get("inactive_file", 0)))
            used = float(memory["usage"])
            quota = cpu.get("throttling_data") or {}
            return ContainerUsage(
                datetime.fromisoformat(document["read"]),
                used - inactive if inactive < used else used,
                float(memory["limit"]),
                float(cpu["cpu_usage"]["total_usage"]) / 1e9,
                {
                    "periods": float(quota.get("periods", 0)),
                    "throttled_periods": float(quota.get("throttled_periods", 0)),
                    "throttled_s": float(quota.get("throttled_time", 0)) / 1e9,
                },
            )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise EngineError(f"{self.address}: the answer holds no figures of a container") from None

    def oom_events(self, since_s: float, until_s: float) -> list[tuple[str, int]]:
        """Id of the container, and instant in nanoseconds, of each time in which one ran out of memory and had a
        process killed. Unix times by the engine's clock; it keeps its last 256 events. Raises EngineError.
        """
        filters = json.dumps({"type": ["container"], "event": ["oom"]})
        query = urlencode({"since": f"{since_s:.6f}", "until": f"{until_s:.6f}", "filters": filters})
        answer = self._ask("GET", f"/events?{query}")
        if answer.status != 200:
            raise EngineError(self._refusal(answer))
        try:
            events = [json.loads(line) for line in answer.body.splitlines() if line.strip()]
            return [(str(each["Actor"]["ID"]), int(each["timeNano"])) for each in events]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise EngineError(f"{self.address}: the answer lists no events: is this Docker's socket?") from None

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


def address_of(socket: str) -> str:
    """As :class:`Engine` takes it, of what was given, also as it stands in DOCKER_HOST."""
    return socket.removeprefix("unix://").removeprefix("tcp://")


def addresses_of(socket: str) -> tuple[str, ...]:
    """The URL of an engine that is asked over TCP."""
    address = address_of(socket)
    return () if "/" in address or ":" not in address else (f"http://{address}",)


def address_problems(socket: str) -> Iterator[str]:
    address = address_of(socket)
    if "/" not in address and ":" not in address:
        yield f"socket is {socket!r}. Give its path, {SOCKET}, or host:port"
    for url in addresses_of(socket):
        yield from (f"socket: {problem}" for problem in url_problems(url))


def is_name(container: str) -> bool:
    """Whether it can be a container's name or id."""
    return bool(container) and container.isprintable() and " " not in container


def _cpu_limit_cores(host: Mapping[str, Any]) -> float:
    """``--cpus`` is kept as NanoCpus, the older pair of options as quota and period, in microseconds."""
    if host.get("NanoCpus"):
        return float(host["NanoCpus"]) / 1e9
    quota_us = float(host.get("CpuQuota") or 0)
    return quota_us / float(host.get("CpuPeriod") or 100_000) if quota_us > 0 else 0.0


def _with_remedy(cause: str) -> str:
    if "there is no socket" in cause or "nobody listens" in cause:
        return f"{cause}: start the engine, or name its socket with socket="
    if "permission denied" in cause:
        path = cause.removesuffix(": permission denied")
        return f"{path} is not for this user: run the load as one of the group of that socket, docker as a rule"
    return cause
