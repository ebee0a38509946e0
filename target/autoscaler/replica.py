"""One API process that the autoscaler started: starting → ready → draining → stopping → gone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from target.loopback_http import ask
from target.stack import api
from target.stack.guard import send
from target.stack.haproxy_runtime import HaproxyRuntime
from target.stack.launch import Launcher, Running
from target.stack.ports import reserve

READY_WITHIN_S = 1.0
STOP_WITHIN_S = 5.0


@dataclass(frozen=True)
class ReplicaContext:
    """What a replica's life needs."""

    launcher: Launcher
    directory: Path
    service: api.Service
    proxy: HaproxyRuntime
    log: Callable[[str, Replica], None]
    """Called at each step of its life."""
    prepare: Callable[[str], None]
    """Called with its address when it answers, before it gets a request."""


class Replica:
    """`advance` moves it as far as it can go now, and never waits for long. All times are CLOCK_MONOTONIC."""

    def __init__(self, context: ReplicaContext, name: str, now: float, delay_s: float) -> None:
        self._context = context
        self.name = name
        self._not_before = now + delay_s
        port = reserve()
        self.port = port.port
        self.url = api.url(port)
        self.running: Running = api.start(context.launcher, context.directory, name, port, context.service)
        self.state = "starting"
        self.since = now
        self.is_serving = False
        self._known_to_proxy = False
        self._deadline = 0.0
        self.cut_sessions = 0
        context.log("started", self)

    @property
    def pid(self) -> int:
        return self.running.identity.pid

    def drain(self, now: float, within_s: float) -> None:
        """Out of the proxy's rotation; ends when its sessions have, or after `within_s`."""
        self._set_state("draining", now)
        self._deadline = now + within_s
        if self._known_to_proxy:
            self._context.proxy.drain(self.name)

    def advance(self, now: float) -> None:
        if self.state in ("starting", "ready", "draining") and self.running.process.poll() is not None:
            self._context.log("died", self)
            self._begin_stopping(now)
        elif self.state == "starting" and now >= self._not_before and self._is_ready():
            self.is_serving = True
            self._context.prepare(self.url)
            self._context.proxy.add(self.name, self.port)
            self._known_to_proxy = True
            self._set_state("ready", now)
        elif self.state == "draining":
            self._drained(now)
        elif self.state == "stopping":
            self._stopped(now)

    def _is_ready(self) -> bool:
        try:
            return ask("GET", f"{self.url}/readyz", limit_s=READY_WITHIN_S).status == 200
        except OSError:
            return False

    def _drained(self, now: float) -> None:
        server = self._context.proxy.servers().get(self.name) if self._known_to_proxy else None
        if server is not None and server.sessions > 0:
            if now < self._deadline:
                return
            self.cut_sessions = server.sessions
            self._context.proxy.shutdown_sessions(self.name)
        self._begin_stopping(now)

    def _begin_stopping(self, now: float) -> None:
        if self._known_to_proxy:
            self._context.proxy.disable(self.name)
        self.is_serving = False
        self._set_state("stopping", now)
        self._deadline = now + STOP_WITHIN_S
        send(self.running.identity, signal.SIGTERM)

    def _stopped(self, now: float) -> None:
        if self.running.process.poll() is None:
            if now >= self._deadline:
                send(self.running.identity, signal.SIGKILL)
            return
        # Its connections end with it; before that the proxy would not let go of the server.
        if self._known_to_proxy and not self._context.proxy.delete(self.name):
            return
        self._context.launcher.forget(self.running)
        self._set_state("gone", now)

    def _set_state(self, state: str, now: float) -> None:
        self.state, self.since = state, now
        self._context.log(state, self)
