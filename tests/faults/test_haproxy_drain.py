"""A real HAProxy with two servers: one is taken out of its backend, and put back."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.faults import FaultError, ScheduledFault
from harness.faults.haproxy_drain import HaproxyDrain
from harness.recording.marks import FAILED, INJECTED, UNDONE
from harness.sidecar.injector import BEGUN
from harness.sidecar.injector_process import FaultTask
from target.stack.haproxy import binary
from tests.faults.victims import Watched, injecting, server
from tests.ports import free_port
from tests.probes.loopback import wait_for

CONFIGURATION = """
global
    stats socket {socket} mode 600 level admin
    stats socket 127.0.0.1:{admin} level admin
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port}
    default_backend api
backend api
    balance roundrobin
    server a 127.0.0.1:{a}
    server b 127.0.0.1:{b}
"""


class Proxy:
    def __init__(self, port: int, admin: int, socket: Path) -> None:
        self.port, self.admin, self.socket = port, admin, str(socket)

    def served_by(self, requests: int = 8) -> Counter[int]:
        """Pid of the server → requests that it answered."""
        pids: Counter[int] = Counter()
        for _ in range(requests):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=3) as answer:
                pids[json.load(answer)["pid"]] += 1
        return pids

    def is_up(self) -> bool:
        try:
            return bool(self.served_by(1))
        except OSError:
            return False


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    directory = tmp_path_factory.mktemp("haproxy")
    it = Proxy(free_port(), free_port(), directory / "s")
    with server() as a, server() as b:
        file = directory / "haproxy.cfg"
        file.write_text(
            CONFIGURATION.format(socket=it.socket, port=it.port, admin=it.admin, a=a.port, b=b.port), encoding="utf-8"
        )
        process = subprocess.Popen([binary(), "-db", "-f", str(file)], stderr=subprocess.DEVNULL)
        try:
            wait_for(it.is_up)
            yield it
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize("state", ["drain", "maint"])
def test_a_server_that_is_taken_out_gets_no_request_until_it_is_back(proxy: Proxy, state: str) -> None:
    fault = HaproxyDrain(socket=proxy.socket, server="api/a", state=state).pin()
    assert len(proxy.served_by()) == 2
    fault.inject()
    assert len(proxy.served_by()) == 1
    fault.undo()
    assert len(proxy.served_by()) == 2
    assert "ready again" in fault.undo(), "undoing again undoes nothing"


def test_on_the_timeline_and_over_tcp(proxy: Proxy) -> None:
    fault = HaproxyDrain(socket=f"127.0.0.1:{proxy.admin}", server="api/b", state="maint")
    with injecting((fault, 0, 300)) as injector:
        injector.until(INJECTED)
        assert len(proxy.served_by()) == 1
        injector.stop()
        assert injector.said(UNDONE)
    assert len(proxy.served_by()) == 2


@pytest.mark.parametrize("state", ["drain", "maint"])
def test_a_server_that_was_out_before_is_refused_and_stays_out(proxy: Proxy, state: str) -> None:
    fault, operator = HaproxyDrain(socket=proxy.socket, server="api/a"), HaproxyDrain(proxy.socket, "api/a", state)
    injector = Watched((fault, 0, 300))
    assert not injector.start()
    operator.inject()  # after the check before the load
    try:
        with pytest.raises(FaultError, match=f"out already, {state.upper()}.*set server api/a state ready"):
            fault.pin()
        injector.begin(time.monotonic())
        assert "not injected: api/a is out already" in injector.until(FAILED).detail
        injector.stop()
        assert not injector.said(INJECTED) and not injector.said(UNDONE)
        assert len(proxy.served_by()) == 1
    finally:
        injector.stop()
        operator.undo()


def test_what_was_set_is_undone_also_when_its_injection_failed(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = HaproxyDrain(socket=proxy.socket, server="api/a")
    asked = HaproxyDrain._status
    answers = iter([asked, lambda _: "UP", asked])  # before, just after it was set, after the undoing
    monkeypatch.setattr(HaproxyDrain, "_status", lambda self: next(answers)(self))
    said: list[Mapping[str, Any]] = []
    FaultTask(ScheduledFault.of(1, fault, 0, 300), said.append).run(time.monotonic(), threading.Event())
    assert [each["event"] for each in said] == [BEGUN, FAILED, UNDONE]
    assert len(proxy.served_by()) == 2


def test_what_is_not_there_is_said(proxy: Proxy, tmp_path: Path) -> None:
    with pytest.raises(FaultError, match="no server api/c; it has api/a, api/b"):
        HaproxyDrain(socket=proxy.socket, server="api/c").pin()
    with pytest.raises(FaultError, match="does not answer"):
        HaproxyDrain(socket=str(tmp_path / "none"), server="api/a").pin()
    with pytest.raises(FaultError, match="No such server"):
        HaproxyDrain(socket=proxy.socket, server="api/c").undo()
