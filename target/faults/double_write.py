"""A known share of the retries of the ledger's writes is written once more: there is no idempotency for them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading
from target.faults.share import OfShare


@dataclass(kw_only=True)
class DoubleWrite(OfShare):
    """A retry is a request whose entry is there already."""

    share: float = 1.0
    doubled: int = field(default=0, init=False)

    def writes_again(self, entry: str) -> bool:
        again = self._share.take()
        if again:
            self.doubled += 1
            self._records.append({"id": entry, "at": time.monotonic()})
        return again

    def status(self) -> Mapping[str, Reading]:
        """Retries, and rows written by them."""
        return {"retries": self._share.seen, "doubled": self.doubled}
