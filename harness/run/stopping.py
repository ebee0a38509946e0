"""How a run comes to its end: when its nodes were told to stop, and how long their last reports are waited for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import gevent

from harness.live.nodes import Nodes

CHECK_S = 0.05
LAST_REPORTS_S = 3.0
USERS_GONE_S = 3.0


class Stopping:
    """Of a run that was planned for ``duration_s``; all instants are seconds after its origin."""

    def __init__(self, nodes: Nodes, duration_s: float) -> None:
        self._nodes = nodes
        self._duration_s = duration_s
        self._stopped_at_s: float | None = None
        self._settle_until_s = math.inf
        self._in_a_hurry = False

    @property
    def has_begun(self) -> bool:
        """Whether the nodes were told to stop, so that an early last report is no loss."""
        return self._stopped_at_s is not None

    @property
    def came_after_the_last_phase(self) -> bool:
        return self._stopped_at_s is not None and self._stopped_at_s >= self._duration_s

    def begin(self, elapsed_s: float | None) -> None:
        """None: there is no origin yet."""
        self._stopped_at_s = -math.inf if elapsed_s is None else elapsed_s

    def wait_for_last_reports(self, timeout_s: float) -> None:
        self._settle_until_s = time.monotonic() + (min(timeout_s, LAST_REPORTS_S) if self._in_a_hurry else timeout_s)
        _wait(lambda: self._nodes.all_settled or time.monotonic() >= self._settle_until_s)

    def stop_waiting(self) -> None:
        """Somebody does not want to wait for answers any more: the last reports have a moment to come."""
        self._in_a_hurry = True
        self._settle_until_s = min(self._settle_until_s, time.monotonic() + LAST_REPORTS_S)

    def wait_for_users_gone(self, timeout_s: float) -> list[str]:
        """What users do and raise while they are stopped is told after the last reports; Locust would not wait.
        Returns the nodes that have not told.
        """
        deadline_s = time.monotonic() + max(timeout_s, USERS_GONE_S)
        _wait(lambda: not self._with_users or time.monotonic() >= deadline_s)
        return sorted(self._with_users)

    @property
    def _with_users(self) -> set[str]:
        return self._nodes.finished - self._nodes.lost - self._nodes.without_users


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        gevent.sleep(CHECK_S)
