"""What a load process has begun and has no answer to: told with each report, and counted at the end.

Paced users say themselves what they wait for. Of users without a pacer only the end of a request is seen, so one that
is in mid-iteration counts as waiting since its last request ended.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING

from harness.load.node import Node
from harness.recording import Unanswered
from harness.recording.values import ITERATION, UNFINISHED


class UnansweredRequests:
    """Of one node in one run."""

    def __init__(self, environment: Environment, name: str, node: Node) -> None:
        self._environment = environment
        self._name = name
        self._node = node
        self._told: dict[tuple[int, str, str], tuple[int, int]] = {}
        """(t, name, outcome) → (count, starts), as of the last report."""
        self._running_at_stop: dict[Any, float] = {}
        self._stopped_s = 0.0
        self._requests_at_stop = 0

    def take(self, settled: bool) -> Iterator[Unanswered]:
        """What has changed in what has no answer yet, for a recording that ends with this report. When the
        account is ``settled`` all of it has been counted, and the rest is taken back.
        """
        plan = self._node.plan
        assert plan is not None
        waiting = self._node.unanswered()
        if not plan.paced and not settled:
            running = self._running().values()
            waiting += Counter((self._second(since_s), "", UNFINISHED, True, "") for since_s in running)
        told, now = self._told, dict[tuple[int, str, str], tuple[int, int]]()
        for (t, name, outcome, begins, _), n in waiting.items():
            key = (t, name or ITERATION, outcome)
            count, starts = now.get(key, (0, 0))
            now[key] = (count + n, starts + n * begins)
        changed = [(*key, *n) for key, n in now.items() if told.get(key) != n]
        changed += [(*key, 0, 0) for key in told if key not in now]
        if changed:
            yield Unanswered(self._name, tuple(changed))
        self._told = now

    def note_stop(self) -> None:
        """Locust is about to stop the users: remember who is in mid-iteration, for users without a pacer."""
        self._running_at_stop = self._running()
        self._stopped_s = time.monotonic()
        self._requests_at_stop = self._node.recorder.requests

    def count_stuck(self) -> None:
        """At the end: whoever was in mid-iteration at the stop, and has had no answer since."""
        plan = self._node.plan
        if plan is None or plan.paced:
            return
        recorder = self._node.recorder
        answered = recorder.requests - self._requests_at_stop
        ended_s: Mapping[Any, float] = recorder.last_ended_s or {}
        stuck = [s for user, s in self._running_at_stop.items() if ended_s.get(user, s) <= self._stopped_s]
        for since_s in sorted(stuck)[: max(0, len(self._running_at_stop) - answered)]:
            recorder.without_answer(self._second(since_s), "", UNFINISHED)
            self._node.unfinished += 1

    def _running(self) -> dict[Any, float]:
        """Greenlets of the users without a pacer that are in mid-iteration → when the last request of each ended, or
        when it was first seen: what it waits for now has begun later.
        """
        ended_s = self._node.recorder.last_ended_s
        runner: Any = self._environment.runner
        if ended_s is None or runner is None:
            return {}
        # Those that were in mid-iteration at the stop are asked for once more, when they have come to their end.
        for gone in [each for each in ended_s if each.dead and each not in self._running_at_stop]:
            del ended_s[gone]
        now_s = time.monotonic()
        users = [greenlet for greenlet in runner.user_greenlets if greenlet.args]
        return {user: ended_s.setdefault(user, now_s) for user in users if user.args[0]._state == LOCUST_STATE_RUNNING}

    def _second(self, local_s: float) -> int:
        return max(0, int(self._node.t_of(local_s) // 1))
