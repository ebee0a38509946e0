"""A known share of the reads is answered with the state of `delay_ms` ago, as by a replica that far behind.

A real replica's lag is never exactly known. So the answer comes from the primary's history: the version that
was the newest at that time, found together with the newest one in one snapshot. It neither comes from the
cache nor gets into it, so that each stale answer is one of those counted here, and no other read is stale.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from target.faults.contract import Combine, Reading
from target.faults.share import OfShare


@dataclass(kw_only=True)
class StaleReplicaRead(OfShare):
    """An item that did not exist `delay_ms` ago is answered 404, which counts as stale."""

    combine: ClassVar[Combine] = {"oldest_ms": max}

    delay_ms: float
    share: float = 1.0
    behind: int = field(default=0, init=False)
    stale: int = field(default=0, init=False)
    oldest_ms: float = field(default=0.0, init=False)

    def stale_by_ms(self) -> float | None:
        return self.delay_ms if self._share.take() else None

    def served(self, key: str, version: int | None, newest: int | None, age_ms: float) -> None:
        """Told for each read that was answered from the past."""
        self.behind += 1
        if version == newest:
            return
        self.stale += 1
        self.oldest_ms = max(self.oldest_ms, age_ms)
        self._records.append(
            {"key": key, "version": version, "newest": newest, "age_ms": age_ms, "at": time.monotonic()}
        )

    def status(self) -> Mapping[str, Reading]:
        """Reads, those answered from the past, those of them that were stale, and the greatest age."""
        return {"reads": self._share.seen, "behind": self.behind, "stale": self.stale, "oldest_ms": self.oldest_ms}
