"""A known share of the retries of the ledger's writes is written once more: there is no idempotency for them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from target.faults.contract import Reading, Record
from target.faults.share import MAX_RECORDS, Share


@dataclass
class DoubleWrite:
    """A retry is a request whose entry is there already."""

    share: float = 1.0
    doubled: int = field(default=0, init=False)
    _share: Share = field(init=False, repr=False)
    _records: deque[Record] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuses a share that is none."""
        self._share = Share(self.share)
        self._records = deque(maxlen=MAX_RECORDS)

    def writes_again(self, entry: str) -> bool:
        """Asked for each retry."""
        again = self._share.take()
        if again:
            self.doubled += 1
            self._records.append({"id": entry, "at": time.monotonic()})
        return again

    def status(self) -> Mapping[str, Reading]:
        """Retries, and rows written by them."""
        return {"retries": self._share.seen, "doubled": self.doubled}

    def records(self) -> Sequence[Record]:
        """The doubled ones: id, and when (CLOCK_MONOTONIC seconds)."""
        return list(self._records)
