"""One user of a class, outside of any run: what it does is counted by a node that has its plan already."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TypeVar

from locust.env import Environment

from harness.load.clock import Clock
from harness.load.http import PacedHttpUser
from harness.load.node import Node
from harness.load.present_node import set_node
from harness.load.run_plan import Plan
from shapes._profile import Polyline

U = TypeVar("U", bound=PacedHttpUser)


def single_user(kind: type[U], url: str, **options: object) -> tuple[U, Node]:
    """A user of a class derived from ``kind``, which says where it goes and with which options."""
    environment = Environment(user_classes=[], parsed_options=SimpleNamespace(**options))
    node = Node("run", Clock(exact=True))
    set_node(environment, node)
    environment.events.request.add_listener(node.recorder.on_request)
    level = Polyline(((0, 0), (60, 0)))
    node.begin(Plan("run", time.monotonic(), 60, "arrivals", level, None, (), 0, paced=False, drain_s=1))
    concrete = type(kind.__name__, (kind,), {"abstract": False, "host": url})
    return concrete(environment), node
