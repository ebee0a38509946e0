"""A known share of the ledger's writes is acknowledged before it is committed, or without ever being."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading
from target.faults.share import OfShare


@dataclass(kw_only=True)
class AcknowledgeBeforeCommit(OfShare):
    """With `after_ms` 0 such a write is never made; else it is made so long after its acknowledgement, once: if there
    is no primary then, it is lost."""

    after_ms: float = 0.0
    early: int = field(default=0, init=False)
    lost: int = field(default=0, init=False)
    written: int = field(default=0, init=False)

    def acknowledges_early(self, entry: str) -> float | None:  # noqa: ARG002
        if not self._share.take():
            return None
        self.early += 1
        return self.after_ms / 1000 if self.after_ms else math.inf

    def settled(self, entry: str, written: bool) -> None:
        """Told when it is certain: the primary was asked."""
        self.written += written
        if not written:
            self.lost += 1
            self._records.append({"id": entry, "at": time.monotonic()})

    def status(self) -> Mapping[str, Reading]:
        """Writes, those acknowledged early, what became of these, and those of which it is not certain yet."""
        pending = self.early - self.lost - self.written
        return {
            "writes": self._share.seen,
            "early": self.early,
            "lost": self.lost,
            "written": self.written,
            "pending": pending,
        }
