"""Patroni's REST API as recorded from version 4.1.5 with three nodes, on servers of these tests."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.probes.loopback import Respond, answer, serving


@dataclass
class Cluster:
    """``primary`` leads; the others follow it. Whoever is in ``silent`` answers nothing."""

    names: tuple[str, ...] = ("db1", "db2", "db3")
    primary: str = "db1"
    position: int = 69_376_840
    behind_bytes: int = 0
    ports: dict[str, int] = field(default_factory=dict)
    """Of the PostgreSQL of each."""
    urls: dict[str, str] = field(default_factory=dict)
    switchover: tuple[str, str] = ("200 OK", 'Successfully switched over to "db2"')
    silent: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    """Requests but those that only read."""

    def status(self, name: str) -> dict[str, object]:
        document: dict[str, object] = {"state": "running", "server_version": 180006, "timeline": 3}
        document["patroni"] = {"version": "4.1.5", "scope": "springback", "name": name}
        if name == self.primary:
            return document | {"role": "primary", "xlog": {"location": self.position}}
        replayed = self.position - self.behind_bytes
        log = {"received_location": self.position, "replayed_location": replayed, "paused": False}
        return document | {"role": "replica", "replication_state": "streaming", "quorum_standby": True, "xlog": log}

    def cluster(self) -> dict[str, object]:
        return {
            "members": [
                {
                    "name": name,
                    "role": "leader" if name == self.primary else "quorum_standby",
                    "state": "running" if name == self.primary else "streaming",
                    "api_url": f"{self.urls[name]}/patroni",
                    "host": "127.0.0.1",
                    "port": self.ports.get(name, 5432),
                    "timeline": 3,
                }
                for name in self.names
            ],
            "scope": "springback",
        }

    def respond_as(self, name: str) -> Respond:
        def respond(connection: socket.socket, request: bytes) -> None:
            if name in self.silent:
                return
            method, path = request.decode().split(" ", 2)[:2]
            if method == "POST":
                self.asked.append(request.decode())
                answer(self.switchover[1], self.switchover[0])(connection, request)
                return
            page = self.status(name) if urlsplit(path).path == "/patroni" else self.cluster()
            answer(json.dumps(page))(connection, request)

        return respond


@contextmanager
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    with ExitStack() as servers:
        for name in made.names:
            made.urls[name] = servers.enter_context(serving(made.respond_as(name)))
        yield made
