"""How many users of each class there were on a node whose users Locust itself paces: nothing else shows one that has
sent nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from harness.recording.marks import UsersMark


class StartedUsers:
    """The most that there have been at the same time, told whenever it is more than before."""

    def __init__(self) -> None:
        self._most = Counter[str]()
        self._told = Counter[str]()

    def note(self, users: Iterable[Any]) -> None:
        """Greenlets of users; one that has ended has none any more."""
        self._most |= Counter(type(each.args[0]).__name__ for each in users if each.args)

    def take(self, t: float, node: str) -> Iterator[UsersMark]:
        if self._most != self._told:
            self._told = self._most.copy()
            yield UsersMark(t, node, dict(self._most))
