"""MasterLink: whether a worker still has its master.

Locust's worker goes on for a minute without one, releases the herd that was planned, and nobody records it. Here the
end of the connection tells at once that the master's process is gone. Where nothing tells, because its machine has
lost its power or its network, the silence does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import gevent
import zmq
from locust.runners import WorkerRunner

SILENCE_S = 10.0
"""The master answers each heartbeat of Locust, one a second, and our pings; a starved machine makes it late."""
RECONNECTS_S = 2.0
"""While nothing is planned, a connection may come back."""
TICK_S = 0.5

_EVENT = struct.Struct("=hi")
"""First frame of a monitor's message: number of the event, and its value. zmq's own function for it lies beside one for
asyncio, and brings all of that into the process."""
_EVENTS = zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_MONITOR_STOPPED


class MasterLink:
    """Calls ``on_lost`` once, with the reason in words. ``is_critical`` says whether load is made or planned just now:
    then no reconnection is waited for, because the next thing that is due may be a herd.
    """

    def __init__(self, runner: WorkerRunner, is_critical: Callable[[], bool], on_lost: Callable[[str], None]) -> None:
        self._runner = runner
        self._is_critical = is_critical
        self._on_lost = on_lost
        self._connected = self._heard = True
        self._lost = False
        runner.environment.events.heartbeat_received.add_listener(lambda **_: self.heard())
        gevent.spawn(self._listen)
        gevent.spawn(self._watch)

    def heard(self) -> None:
        """A word of the master has come."""
        self._heard = True

    def _listen(self) -> None:
        """Locust may replace its connection; the new one is watched in turn."""
        while not self._lost:
            socket: Any = self._runner.client.socket
            monitor = socket.get_monitor_socket(_EVENTS)
            while (event := _EVENT.unpack(monitor.recv_multipart()[0])[0]) != zmq.EVENT_MONITOR_STOPPED:
                self._connected = event != zmq.EVENT_DISCONNECTED
                if not self._connected and self._is_critical():
                    self._lose("the connection to the master has ended")
            while self._runner.client.socket is socket:
                gevent.sleep(TICK_S)
            self._connected = True

    def _watch(self) -> None:
        """Counts ticks and not time: while this very process is held up it hears nobody, whoever speaks."""
        silent_s = disconnected_s = 0.0
        while not self._lost:
            gevent.sleep(TICK_S)
            # What came before the plan does not count: the master may have been busy getting it ready.
            silent_s = silent_s + TICK_S if self._is_critical() and not self._heard else 0.0
            disconnected_s = 0.0 if self._connected else disconnected_s + TICK_S
            self._heard = False
            if silent_s >= SILENCE_S:
                self._lose(f"the master has said nothing for {SILENCE_S:g} s")
            elif disconnected_s >= (0.0 if self._is_critical() else RECONNECTS_S) and not self._connected:
                self._lose("the connection to the master has ended")

    def _lose(self, why: str) -> None:
        if not self._lost:
            self._lost = True
            self._on_lost(why)
