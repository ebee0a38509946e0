"""Requests of greenlets that users have spawned, from the send to the end.

What a user's own greenlet waits for shows in its iteration. Nobody waits for a greenlet that it has spawned: the user
may go on without it, kill it, or come to the end of the run before there is an answer. None of this may go unnoticed.
"""

from __future__ import annotations

from collections import Counter

from harness.recording.values import UNFINISHED


class GivenUpError(Exception):
    """The user has killed the greenlet that waited for the answer."""

    outcome = "given up"


class SpawnedRequests:
    """Those of one node that have no answer yet."""

    def __init__(self) -> None:
        self._out: dict[Sent, tuple[int, str, str]] = {}

    @property
    def out(self) -> int:
        """How many they are."""
        return len(self._out)

    def begin(self, second: int, name: str, user_class: str = "") -> Sent:
        """One that counts in ``second`` of the run."""
        sent = Sent(self)
        self._out[sent] = (second, name, user_class)
        return sent

    def unanswered(self) -> Counter[tuple[int, str, str, bool, str]]:
        """(second, name, outcome, False, for none of them begins an iteration, class of user) → number."""
        return Counter((second, name, UNFINISHED, False, kind) for second, name, kind in self._out.values())


class Sent:
    """One request that is out."""

    __slots__ = ("_of",)

    def __init__(self, of: SpawnedRequests) -> None:
        self._of = of

    def end(self) -> None:
        self._of._out.pop(self, None)
