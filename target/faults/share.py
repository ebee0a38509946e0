"""A known share of events, spread evenly and without chance: of n events exactly floor(n × share) are chosen."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from target.faults.contract import Record

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


@dataclass(kw_only=True)
class OfShare:
    """A fault of a known share of what happens, with a record of each event that it caused."""

    share: float
    _share: Share = field(init=False, repr=False)
    _records: deque[Record] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuses a share that is none."""
        self._share = Share(self.share)
        self._records = deque(maxlen=MAX_RECORDS)

    def records(self) -> Sequence[Record]:
        """Oldest first; "at" is CLOCK_MONOTONIC seconds."""
        return list(self._records)
