"""The node of the present run, for whoever has only Locust's environment: users, their clients, and listeners."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gevent import getcurrent
from locust import User
from locust.env import Environment

from harness.errors import ConfigurationError

if TYPE_CHECKING:
    from harness.load.node import Node
    from harness.load.request_log import RequestLog
    from harness.load.spawned import Sent
    from harness.load.traces import Traces

_nodes: WeakKeyDictionary[Environment, Node] = WeakKeyDictionary()


def node_of(environment: Environment) -> Node:
    """The node of the present run: Locust hands every user its environment, and nothing else.

    Raises ConfigurationError when the scenario was not attached.
    """
    node = _nodes.get(environment)
    if node is None:
        raise ConfigurationError("paced users need harness.attach(...) at the end of the locustfile")
    return node


def node_if_any(user: User | None) -> Node | None:
    """The same of a user; None where there is no run, or no user."""
    return None if user is None else _nodes.get(user.environment)


def set_node(environment: Environment, node: Node) -> None:
    _nodes[environment] = node


def traces_of_run(environment: Environment) -> Traces | None:
    """None where no request of the present run is traced, or there is none."""
    node = _nodes.get(environment)
    return None if node is None else node.recorder.traces


def request_log_of_run(environment: Environment) -> RequestLog | None:
    """None where the requests of the present run are told by Locust's event alone, or there is none."""
    node = _nodes.get(environment)
    return None if node is None else node.request_log


def note_sent(user: User | None, name: str) -> Sent | None:
    """The calling greenlet sends a request for ``user`` now. None where that is the user's own, of which its iteration
    tells, and where the request is no load of a run, or too late to be waited for.
    """
    if user is None or getcurrent() is getattr(user, "_greenlet", None):
        return None
    node = _nodes.get(user.environment)
    if node is None or node.ending or (second := node.recorder.second_of(time.monotonic())) is None:
        return None
    return node.spawned.begin(second, name, node.recorder.class_of(getcurrent()))


def note_cut_off(user: User) -> None:
    """What it does in ``on_stop`` has not come to its end. That shows in no request: there is no answer."""
    if (node := _nodes.get(user.environment)) is not None:
        node.cut_off.add(type(user).__name__)
