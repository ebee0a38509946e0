"""The machines of the stack, one server on each (on a database's also its Patroni): killed, frozen, started again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from target.errors import UsageError
from target.stack import postmaster
from target.stack.guard import family, send
from target.stack.identity import Identity
from target.stack.launch import Launcher, Running

ACTIONS = ("kill", "freeze", "thaw", "start")
GONE_WITHIN_S = 2.0


@dataclass
class Node:
    """What is started on it, and how."""

    name: str
    start: Callable[[], Running]
    running: Running
    data_directory: Path | None = None

    def supervisor(self) -> list[Identity]:
        """The process that we started, and its descendants; [] when it is dead."""
        return family([self.running.identity])

    def database(self) -> list[Identity]:
        """Its PostgreSQL, which is not a child of what we started."""
        return [] if self.data_directory is None else postmaster.servers([self.data_directory])


class Nodes:
    """All of them, for the supervisor's one thread. A database node NAME has the parts NAME.patroni, NAME.postgres."""

    def __init__(self, launcher: Launcher, nodes: Iterable[Node]) -> None:
        self._launcher = launcher
        self._nodes = {node.name: node for node in nodes}

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]

    def names(self) -> list[str]:
        """Everything that an action may name."""
        return [
            part
            for node in self._nodes.values()
            for part in (node.name, *((f"{node.name}.{one}" for one in _PARTS) if node.data_directory else ()))
        ]

    def act(self, name: str, action: str) -> dict[str, object]:
        """Do it, at once; returns when it happened and to which processes. Raises UsageError with the remedy."""
        if action not in ACTIONS:
            raise UsageError(f"{action!r} is nothing that can be done to a node", f"one of {', '.join(ACTIONS)}")
        if name not in self.names():
            raise UsageError(f"no node {name!r}", f"one of {', '.join(self.names())}")
        node_name, _, part = name.partition(".")
        node = self._nodes[node_name]
        at_s = time.monotonic()
        if action == "start":
            return {"node": name, "action": action, "at": at_s, "pids": [self._start(node, part)]}
        number = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP, "thaw": signal.SIGCONT}[action]
        touched = self._signal(node, part, number)
        if not touched:
            raise UsageError(f"nothing of {name} is running", f"`python -m target node start {node_name}`")
        return {"node": name, "action": action, "at": at_s, "pids": touched}

    def as_json(self) -> list[dict[str, object]]:
        """Each node: `name`, `parts` {patroni, postgres, or server: {state, pid}}; running, frozen or dead."""
        return [
            {
                "name": node.name,
                "parts": {"server": _state(node.running.identity)}
                if node.data_directory is None
                else {
                    "patroni": _state(node.running.identity),
                    "postgres": _state(postmaster.postmaster(node.data_directory)),
                },
            }
            for node in self._nodes.values()
        ]

    def _start(self, node: Node, part: str) -> int:
        if part == "postgres":
            raise UsageError(f"{node.name}.postgres is started by its Patroni", f"start {node.name}")
        if node.running.identity.alive():
            raise UsageError(f"{node.name} is running", "kill it first, or thaw it")
        ended = node.running
        ended.process.wait()  # until its last thread is gone, a port may still be held by what looks like a zombie
        node.running = node.start()
        self._launcher.forget(ended)
        return node.running.identity.pid

    def _signal(self, node: Node, part: str, number: int) -> list[int]:
        """To all of its processes, until none is left that has not had it: a server forks while we look."""
        touched: dict[Identity, None] = {}
        deadline = time.monotonic() + GONE_WITHIN_S
        while time.monotonic() < deadline:
            # Patroni first: it would start its PostgreSQL again.
            all_now = [*(node.supervisor() if part in ("", "patroni") else ())]
            all_now += node.database() if part in ("", "postgres") else ()
            new = [identity for identity in all_now if identity not in touched]
            for identity in new:
                send(identity, number)
                touched[identity] = None
            if not new and (number != signal.SIGKILL or not any(identity.alive() for identity in touched)):
                break
        return [identity.pid for identity in touched]


_PARTS = ("patroni", "postgres")


def _state(identity: Identity | None) -> Mapping[str, object]:
    if identity is None or not identity.alive():
        return {"state": "dead", "pid": None}
    stopped = psutil.Process(identity.pid).status() == psutil.STATUS_STOPPED
    return {"state": "frozen" if stopped else "running", "pid": identity.pid}
