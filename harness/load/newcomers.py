"""Newcomers: each fifth start of a stream beside a herd is by a user who has opened a new connection while parked.

Users who stay connected see nothing of a target that takes no new connection after the spike, and who waits for one
there is a user as well. Who is connected anew when the start is due has the latency of all others, so that baseline and
recovery stay what they are without newcomers; who is not has to connect first, and that shows.
"""

from __future__ import annotations

from collections import Counter

from harness.load.pacing import Pacer

NEWCOMERS = 5
"""Of so many users who park one is new: a fifth is more than a window of a recovery may have bad."""
BEFORE_START_S = 1.0
"""So long before its start a newcomer connects: longer than a TLS handshake takes, and no longer, because a target that
takes nobody new for less than that goes unseen.
"""


class Newcomers:
    """Who is one, on one node in one run."""

    def __init__(self) -> None:
        self._pacers: list[Pacer] = []
        self._parking = Counter[str]()
        """Class of users → how many have parked."""
        self._parked_s: dict[str, float] = {}
        """Class of users → for how long the one who was started last had been parked. Who parks has as long to wait, as
        the first to park is the first to start, and they do so evenly.
        """

    def come_to(self, pacer: Pacer) -> None:
        """It serves a stream beside a herd."""
        self._pacers.append(pacer)

    def note_started(self, pacer: Pacer, kind: str, parked_s: float) -> None:
        if pacer in self._pacers:
            self._parked_s[kind] = parked_s

    def connects_in_s(self, pacer: Pacer | None, kind: str) -> float | None:
        """In how many seconds a user that parks, and asks once, is to connect anew; None: it is no newcomer."""
        if pacer not in self._pacers:
            return None
        self._parking[kind] += 1
        if self._parking[kind] % NEWCOMERS:
            return None
        return max(0.0, self._parked_s.get(kind, 0.0) - BEFORE_START_S)
