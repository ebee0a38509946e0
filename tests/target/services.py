"""One API process of its own beside a stack, with settings that a stack of one kind does not have; and a proxy."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from target.loopback_http import Reply, ask
from tests.target.stacks import Stack, until

TOKEN = "a-token-for-tests"


@dataclass(frozen=True)
class Service:
    """A running `python -m target.service`."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def get(self, path: str, limit_s: float = 10.0) -> Reply:
        """One GET."""
        return ask("GET", self.url + path, limit_s=limit_s)

    def post(self, path: str, body: object) -> Reply:
        """One POST."""
        return ask("POST", self.url + path, body=body, limit_s=10.0)

    def switch(self, fault: str | None, **parameters: float) -> None:
        """A fault on, or off."""
        body = {"fault": fault, "parameters": parameters}
        order = ("DELETE", None) if fault is None else ("PUT", body)
        reply = ask(order[0], f"{self.url}/_fault", TOKEN, order[1])
        assert reply.status == 200, reply

    def account(self) -> dict[str, Any]:
        """What the active fault did."""
        return dict(ask("GET", f"{self.url}/_fault", TOKEN).document["active"])


def servers_of(stack: Stack, **more: str) -> dict[str, str]:
    """Settings of one that has the servers of the stack, and some more."""
    return {
        "TARGET_PRIMARY_DSN": stack.state.postgres.primary,
        "TARGET_REPLICA_DSN": stack.state.postgres.replica,
        "TARGET_VALKEY_URL": stack.state.valkey,
        **more,
    }


@contextmanager
def serving(directory: Path, settings: Mapping[str, str], name: str = "own") -> Iterator[Service]:
    """A process with these `TARGET_*` settings; it need not become ready."""
    log = directory / f"{name}.log"
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("wb") as sink:
        environment = {
            **os.environ,
            "TARGET_NAME": name,
            "TARGET_SIGNING_KEY": "k" * 32,
            "TARGET_FAULT_TOKEN": TOKEN,
            "TARGET_POOL_SIZE": "4",
            "TARGET_POOL_WAIT_S": "1",
            "TARGET_QUERY_TIMEOUT_S": "1",
            "TARGET_NODES_CHECK_S": "0.1",
            "TARGET_LISTEN_FD": str(listening.fileno()),
            **settings,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "target.service"],
            env=environment,
            pass_fds=[listening.fileno()],
            stdout=sink,
            stderr=sink,
        )
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        service = Service(process, url, log)

        def alive() -> bool:
            assert process.poll() is None, log.read_text()
            with suppress(OSError):
                return service.get("/healthz", 1.0).status == 200
            return False

        until(alive, "alive")
        yield service
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Proxy:
    """TCP, to whichever port it is told; to be told another one ends what goes through it."""

    port: int
    to: int
    _open: list[socket.socket] = field(default_factory=list)

    def switch(self, to: int) -> None:
        """From now on to this port."""
        self.to = to
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)


@contextmanager
def proxying(to: int) -> Iterator[Proxy]:
    """Stands in for the one that asks which node is the primary."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = Proxy(listening.getsockname()[1], to)

        def pump(source: socket.socket, sink: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
            for end in (source, sink):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        def accept() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                try:
                    server = socket.create_connection(("127.0.0.1", proxy.to), 2)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                proxy._open += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=ends, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield proxy
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            proxy.switch(0)
