"""A known share of the writes does not invalidate the cache: of n writes exactly floor(n × share)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from target.faults.contract import Reading, Record
from target.faults.share import MAX_RECORDS, Share


@dataclass
class LostInvalidation:
    """The write itself is stored; an older value stays in the cache until its time to live is over."""

    share: float
    lost: int = field(default=0, init=False)
    _share: Share = field(init=False, repr=False)
    _records: deque[Record] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuses a share that is none."""
        self._share = Share(self.share)
        self._records = deque(maxlen=MAX_RECORDS)

    def loses_invalidation(self, key: str, version: int) -> bool:
        """Asked after each write."""
        loses = self._share.take()
        if loses:
            self.lost += 1
            self._records.append({"key": key, "version": version, "at": time.monotonic()})
        return loses

    def status(self) -> Mapping[str, Reading]:
        """Writes, and those of them that told the cache nothing."""
        return {"writes": self._share.seen, "lost": self.lost}

    def records(self) -> Sequence[Record]:
        """The lost ones: key, version, and when (CLOCK_MONOTONIC seconds)."""
        return list(self._records)
