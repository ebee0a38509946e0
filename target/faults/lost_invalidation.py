"""A known share of the writes does not invalidate the cache: of n writes exactly floor(n × share)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading
from target.faults.share import OfShare


@dataclass(kw_only=True)
class LostInvalidation(OfShare):
    """The write itself is stored; an older value stays in the cache until its time to live is over."""

    lost: int = field(default=0, init=False)

    def loses_invalidation(self, key: str, version: int) -> bool:
        loses = self._share.take()
        if loses:
            self.lost += 1
            self._records.append({"key": key, "version": version, "at": time.monotonic()})
        return loses

    def status(self) -> Mapping[str, Reading]:
        """Writes, and those of them that told the cache nothing."""
        return {"writes": self._share.seen, "lost": self.lost}
