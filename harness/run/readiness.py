"""Getting ready: from the users that Locust spawns to the moment when all of them are parked and the plan may go out.

Servers that serve one connection at a time for each of their processes (gunicorn's sync workers, Apache's prefork,
``http.server``) wait for the next request of a connection that is silent. Users that are parked with open connections
would starve everybody else there: the baseline would be slow because of us, and the spike quick, because by then
everybody has been waiting for it. So the target is asked beside them, and where it starves, they are parked without.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import gevent

from harness.config.settings import RunSettings
from harness.live.nodes import Nodes
from harness.load.http.users import PacedHttpUser
from harness.load.node_reporter import CONNECT_EARLY
from harness.load.users.paced import Paced
from harness.recording.marks import PARKED, ExceptionMark, HealthMark
from harness.run.health_check import ANSWER_S, TargetHealth
from harness.safe_text import say

CHECK_S = 0.05
QUICK_S = ANSWER_S / 4
"""An answer within this is one of a target that serves whoever asks."""
TRIES = 3
"""For a quick answer: of a machine that is busy just now one may be late, and the baseline is not to starve for it."""


class BrokenOffError(Exception):
    """Why the run cannot begin, or cannot go on."""


class Readiness:
    """Of the users of one run, ``wanted`` in all, on ``nodes``. ``show`` is called while they are waited for,
    ``mark`` records what was found, and ``tell_connect_early`` tells all nodes how users are to be parked.
    """

    def __init__(
        self,
        nodes: Nodes,
        wanted: int,
        settings: RunSettings,
        users: Iterable[type[Any]],
        target: TargetHealth,
        tell_connect_early: Callable[[bool | None], None],
        mark: Callable[[HealthMark | ExceptionMark], None],
        show: Callable[[], None],
    ) -> None:
        self._nodes = nodes
        self._wanted = wanted
        self._within_s = settings.ready_timeout_s
        self._target = target
        self._tell_connect_early = tell_connect_early
        self._mark = mark
        self._show = show
        self._connect_early = CONNECT_EARLY.get(settings.connect_early)
        self._may_starve = settings.connect_early == "auto" and are_held(users)

    def note_parked(self, node: str, parked: int, prevented: ExceptionMark | None, connect_early: bool | None) -> None:
        """A node says how many of its users are parked, and how; and what has prevented others from it."""
        if connect_early is self._connect_early:  # otherwise they are about to get ready afresh
            self._nodes.parked[node] = parked
        known = self._nodes.prevented
        if prevented and (prevented.count or known is None or not known.count):
            self._nodes.prevented = replace(prevented, node=node)

    def wait(self) -> None:
        """Until all users are parked. Raises BrokenOffError when they will never be."""
        self._wait_until_parked()
        if self._may_starve:
            self._see_whether_others_starve()

    def _wait_until_parked(self) -> None:
        nodes = self._nodes
        deadline_s = time.monotonic() + self._within_s
        told = False
        while nodes.parked_users < self._wanted or len(nodes.parked) < nodes.wanted:
            self._show()
            if nodes.lost:
                raise BrokenOffError(f"lost before the first phase: {', '.join(sorted(nodes.lost))}")
            if nodes.prevented and nodes.prevented.count:
                self._mark(nodes.prevented)
                raise BrokenOffError(f"users cannot get ready: {nodes.prevented}")
            # What the service refuses now it may grant at the next try: only the time tells.
            if nodes.prevented and not told:
                told = True
                say(f"users are not ready yet: {nodes.prevented}; tried again for up to {self._within_s:g} s")
            if time.monotonic() > deadline_s:
                why, mend = f"users cannot get ready: {nodes.prevented}; ", "mend that; if the service is only slow, "
                if not nodes.prevented:
                    why = mend = ""
                raise BrokenOffError(
                    f"{why}only {nodes.parked_users} of {self._wanted} users were parked within {self._within_s:g} s; "
                    f"{mend}raise --ready-timeout-s or start fewer users"
                )
            gevent.sleep(CHECK_S)

    def _see_whether_others_starve(self) -> None:
        """When nobody is answered beside parked connections, but is without them, users connect when they start."""
        if self._target.answered_anew_in_s() is not None:
            return
        self._park_afresh(False)
        alone_s = self._quick_answer_s()
        if alone_s is None:
            self._park_afresh(None)  # it is slow without them as well: that proves nothing
            return
        check = check_name(self._target.path)
        detail = (
            f"no answer within {ANSWER_S:g} s, and one in {alone_s * 1000:.0f} ms without them: the target serves few "
            "connections at a time, so users connect only when they start (--connect-early yes overrules this)"
        )
        say(f"{check}: {detail}")
        self._mark(HealthMark(0, PARKED, check, False, detail))

    def _quick_answer_s(self) -> float | None:
        """What the first one took; None when none was."""
        for _ in range(TRIES):
            answer_s = self._target.answered_anew_in_s()
            if answer_s is not None and answer_s <= QUICK_S:
                return answer_s
        return None

    def _park_afresh(self, connect_early: bool | None) -> None:
        self._connect_early = connect_early
        self._nodes.parked.clear()
        self._tell_connect_early(connect_early)
        self._wait_until_parked()


def are_held(users: Iterable[type[Any]]) -> bool:
    """Whether parked users of these classes may hold HTTP connections: ours, or stock ones that were logged in."""
    return any(
        user.connect_early is not False
        if issubclass(user, PacedHttpUser)
        else issubclass(user, Paced) and hasattr(user, "pool_manager")
        for user in users
    )


def check_name(path: str) -> str:
    """What is asked, as it is recorded: without a query, which may hold a secret."""
    return f"GET {urlsplit(path).path or '/'} beside parked connections"
