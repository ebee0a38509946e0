"""Every sync period: look, decide, act; between, see to the replicas that come and go."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from target.autoscaler.hpa import Stabiliser, recommended
from target.autoscaler.meter import CpuMeter, InFlightMeter
from target.autoscaler.policy import Policy
from target.autoscaler.replica import Replica, ReplicaContext
from target.faults.contract import DelaysStart, OverridesDesired
from target.faults.switchboard import Switchboard
from target.loopback_http import ask
from target.stack import api, state
from target.stack.haproxy_runtime import HaproxyRuntime
from target.stack.launch import Launcher, Running

POLL_INTERVAL_S = 0.1
TIMEOUT_S = 1.0
MAX_LINES = 10_000


@dataclass(frozen=True)
class Decision:
    """One sync. `at` is CLOCK_MONOTONIC seconds; `current` counts replicas that start or are ready."""

    at: float
    metric: float | None
    """Average of the ready replicas that could be measured."""
    ready: int
    current: int
    recommended: int
    """By the formula."""
    desired: int
    """After stabilisation, min and max, and the fault if there is one."""


@dataclass(frozen=True)
class Event:
    """One step in the life of one replica."""

    at: float
    event: str
    name: str
    pid: int
    cut_sessions: int


@dataclass(frozen=True)
class BaseReplica:
    """A process of the stack's start; never stopped by us."""

    name: str
    url: str
    running: Running


class Controller:
    """For the supervisor's one thread."""

    def __init__(
        self,
        policy: Policy,
        launcher: Launcher,
        directory: Path,
        service: api.Service,
        proxy: HaproxyRuntime,
        base: Sequence[BaseReplica],
        token: str,
        changed: Callable[[], None],
    ) -> None:
        self.policy, self.faults = policy, Switchboard()
        self._proxy, self._base, self._changed = proxy, base, changed
        self._token = token
        self._context = ReplicaContext(launcher, directory, service, proxy, self._log, self._copy_fault)
        self._replicas: list[Replica] = []
        self._number = len(base)
        started = time.monotonic()
        self._stabiliser = Stabiliser(policy, started, len(base))
        self._cpu, self._in_flight = CpuMeter(), InFlightMeter()
        self._next_sync, self._next_poll = started, started
        self.decisions: deque[Decision] = deque(maxlen=MAX_LINES)
        self.events: deque[Event] = deque(maxlen=MAX_LINES)
        self.problem = ""

    def step(self) -> None:
        now = time.monotonic()
        if now < self._next_poll:
            return
        self._next_poll = now + POLL_INTERVAL_S
        try:
            for replica in self._replicas:
                replica.advance(now)
            self._replicas = [replica for replica in self._replicas if replica.state != "gone"]
            self._in_flight.record(sum(server.sessions for server in self._proxy.servers().values()))
            if now >= self._next_sync:
                self._next_sync = max(now, self._next_sync + self.policy.sync_s)
                self._sync(now)
        except OSError as error:
            self.problem = f"{type(error).__name__}: {error}"  # the proxy is away: next time
        else:
            self.problem = ""

    def apis(self) -> list[state.Api]:
        """The processes that answer, those of the start first."""
        mine = [state.Api(one.name, one.url, one.pid) for one in self._replicas if one.is_serving]
        return [*(state.Api(one.name, one.url, one.running.identity.pid) for one in self._base), *mine]

    def as_json(self, after: float) -> dict[str, object]:
        """For the endpoint: lines of the log later than `after`."""
        last = self.decisions[-1] if self.decisions else None
        ready = [one.name for one in self._base if one.running.process.poll() is None]
        ready += [one.name for one in self._replicas if one.state == "ready"]
        return {
            "now": time.monotonic(),
            "policy": dataclasses.asdict(self.policy),
            "desired": None if last is None else last.desired,
            "metric": None if last is None else last.metric,
            "current": self._current(),
            "ready": len(ready),
            "replicas": [
                *({"name": one.name, "pid": one.running.identity.pid, "state": "ready"} for one in self._base),
                *({"name": one.name, "pid": one.pid, "state": one.state} for one in self._replicas),
            ],
            "decisions": [dataclasses.asdict(one) for one in self.decisions if one.at > after],
            "events": [dataclasses.asdict(one) for one in self.events if one.at > after],
            "problem": self.problem,
        }

    def _current(self) -> int:
        alive = sum(one.running.process.poll() is None for one in self._base)
        return alive + sum(one.state in ("starting", "ready") for one in self._replicas)

    def _sync(self, now: float) -> None:
        servers = self._proxy.servers()
        pids = [one.running.identity.pid for one in self._base if one.name in servers and servers[one.name].up]
        pids += [one.pid for one in self._replicas if one.state == "ready"]
        cores, in_flight = self._cpu.cores(now, pids), self._in_flight.mean()
        metric, measured = None, len(pids)
        if self.policy.metric == "cpu":
            measured = len(cores)
            metric = sum(cores.values()) / measured if measured else None
        elif in_flight is not None and pids:
            metric = in_flight / len(pids)
        current = self._current()
        wanted = recommended(self.policy, current, measured, metric)
        desired = self._stabiliser.desired(now, current, wanted)
        fault = self.faults.active
        if isinstance(fault, OverridesDesired):
            desired = fault.overrides(now, current, desired, self.policy.min, self.policy.max)
        self.decisions.append(Decision(now, metric, len(pids), current, wanted, desired))
        self._scale(now, current, desired)

    def _scale(self, now: float, current: int, desired: int) -> None:
        for _ in range(desired - current):
            fault = self.faults.active
            delay_s = fault.start_delay_s() if isinstance(fault, DelaysStart) else 0.0
            self._number += 1
            self._replicas.append(Replica(self._context, f"api{self._number}", now, delay_s))
        # The newest first, and those that are not ready yet before those that are.
        leaving = sorted(
            (one for one in self._replicas if one.state in ("starting", "ready")),
            key=lambda one: (one.state == "ready", -one.since),
        )
        for replica in leaving[: max(0, current - desired)]:
            replica.drain(now, self.policy.drain_s)

    def _copy_fault(self, url: str) -> None:
        """A process that comes later gets the fault that the others have; its account starts at nothing."""
        for one in self._base:
            try:
                reply = ask("GET", one.url + state.FAULT_PATH, self._token, limit_s=TIMEOUT_S)
            except OSError:  # that one may be dead: ask the next
                continue
            active = reply.document["active"] if reply.status == 200 else None
            if active is not None:
                body = {"fault": active["fault"], "parameters": active["parameters"]}
                ask("PUT", url + state.FAULT_PATH, self._token, body, limit_s=TIMEOUT_S)
            return

    def _log(self, event: str, replica: Replica) -> None:
        self.events.append(Event(time.monotonic(), event, replica.name, replica.pid, replica.cut_sessions))
        self._changed()
