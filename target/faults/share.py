"""A known share of events, spread evenly and without chance: of n events exactly floor(n × share) are chosen."""

from __future__ import annotations

import math

MAX_RECORDS = 10_000
"""A fault keeps the newest so many of its records; its counts go on."""


class Share:
    """Chooses events in their order: a share of 0.25 is every fourth."""

    def __init__(self, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share={share:g} is not between 0 and 1")
        self._share = share
        self.seen = 0

    @property
    def chosen(self) -> int:
        """How many so far. The small number keeps 10 × 0.3 at 3."""
        return math.floor(self.seen * self._share + 1e-9)

    def take(self) -> bool:
        """Whether the next event is one of them."""
        before = self.chosen
        self.seen += 1
        return self.chosen > before


class EveryNth:
    """Chooses the n-th event, the 2n-th, and so on."""

    def __init__(self, every: int) -> None:
        if every < 1:
            raise ValueError("every must be at least 1")
        self._every = every
        self.seen = 0

    def take(self) -> bool:
        """Whether the next event is one of them."""
        self.seen += 1
        return self.seen % self._every == 0
