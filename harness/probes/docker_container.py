"""Memory, CPU, throttling, OOM kills and restarts of containers, by Docker's Engine API; Podman's answers alike."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from harness.analysis import quota, target_memory
from harness.clients.docker_engine import (
    SOCKET,
    ContainerState,
    Engine,
    EngineError,
    address_of,
    address_problems,
    is_name,
)
from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.probes._container_meter import CounterMeter

STALE_S = 5.0
"""The engine reads the counters whenever it is asked: figures that are of the same instant for so long are those of a
proxy, or of an engine that hangs.
"""
OVERLAP_S = 2.0
"""Events are asked for again for so long: the engine may write one down after it has answered for that time."""


@dataclass
class _Container:
    meter: CounterMeter = field(default_factory=CounterMeter)
    ooms: set[tuple[str, int]] = field(default_factory=set)
    """Id and instant of each time in which it ran out of memory."""
    asked_s: float | None = None
    """Until when, by the engine's clock, these are known."""
    changed_s: float = 0.0
    """When the engine had read its figures anew, by our clock."""


@dataclass(frozen=True)
class DockerContainer(Probe):
    """Figures of the containers that are called ``containers``, which have to run when the probe begins.

    Values: ``memory_working_set_bytes``, what ``docker stats`` shows: use less inactive file cache;
    ``memory_limit_bytes``, without a limit of its own the machine's memory; ``cpu_ratio``, 1.0 = one core, the mean
    since the sample before; ``cpu_limit_cores``, 0 without a limit; ``cpu_throttled_ratio``, the share of the
    periods of that limit (0.1 s as a rule) since the sample before in which it was used up, with the counters
    ``cpu_periods_total``, ``cpu_throttled_periods_total`` and ``cpu_throttled_s_total``; ``oom_kills`` since the probe
    began; ``restarts`` by its restart policy, ``pid`` and ``create_time_s``, Unix time of its latest start. One that
    has ended gives ``running`` 0 with its ``exit_code`` and no more. The source is the container's name.

    Needs Engine API 1.41 (Docker 20.10). Of TCP only the plain one is spoken, so let it be that of this machine.
    https://docs.docker.com/reference/api/engine/
    """

    watches_processes: ClassVar[bool] = True

    containers: tuple[str, ...] = parameter(help="their names, or their ids")
    socket: str = parameter(SOCKET, "the engine's socket: its path, or host:port")
    timeout_s: float = parameter(2.0, "longest time for one request to the engine", lowest=0.001)
    _known: dict[str, _Container] = field(default_factory=dict, init=False, repr=False, compare=False)

    def conflicts(self) -> Iterator[str]:
        if not self.containers:
            yield "containers is empty. Give at least one name, as `docker ps` shows it"
        for container in self.containers:
            if not is_name(container):
                yield f"containers: {container!r} is no name. Give names or ids, as `docker ps` shows them"
        yield from address_problems(self.socket)

    def sample(self) -> Iterator[Reading]:
        engine = Engine(address_of(self.socket), self.timeout_s)
        for container in self.containers:
            try:
                yield self._read(engine, container)
            except EngineError as error:
                yield Reading.failed(container, str(error))

    def _read(self, engine: Engine, container: str) -> Reading:
        state = engine.state(container)
        usage = engine.usage(state.container_id) if state.is_running else None
        if usage is None:
            return self._without_figures(container, engine.state(container) if state.is_running else state)
        known = self._known.setdefault(container, _Container())
        until_s, now_s = usage.read_at.timestamp(), time.monotonic()
        if known.asked_s is None or until_s != known.asked_s:
            known.changed_s = now_s
        elif now_s - known.changed_s > STALE_S:
            return Reading.failed(state.name, f"its figures have been of the same instant for {STALE_S:.0f} s")
        since_s = until_s if known.asked_s is None else known.asked_s - OVERLAP_S
        events = engine.oom_events(since_s, until_s) if known.asked_s is not None else []
        known.ooms |= {each for each in events if each[0] == state.container_id}
        known.asked_s = until_s
        values = {
            target_memory.WORKING_SET: usage.memory_working_set_bytes,
            target_memory.LIMIT: usage.memory_limit_bytes,
            quota.LIMIT: state.cpu_limit_cores,
            "oom_kills": len(known.ooms),
            "running": 1,
            **_identity(state),
        }
        throttling = usage.throttling if state.cpu_limit_cores else {}
        return Reading.of(state.name, values | known.meter.read(until_s, usage.cpu_s, throttling))

    def _without_figures(self, container: str, state: ContainerState) -> Reading:
        """One that has ended, as a rule; one that never ran while it was watched was named by mistake."""
        if state.is_running:
            return Reading.failed(
                state.name,
                f"container {state.name} is running, and the engine does not tell its memory: `docker stats` shows "
                "whether it ever does; where it shows 0, turn on the memory controller of the machine's control groups",
            )
        if container not in self._known:
            return Reading.failed(state.name, f"container {state.name} is {state.status}: start it first")
        values = {"running": 0, "exit_code": state.exit_code, "restarts": state.restarts, "oom_killed": state.was_oom}
        return Reading.of(state.name, values)


def _identity(state: ContainerState) -> dict[str, float]:
    try:
        started_s = datetime.fromisoformat(state.started_at).timestamp()
    except ValueError:
        started_s = math.nan
    return {"restarts": state.restarts, "pid": state.pid or math.nan, "create_time_s": started_s}
