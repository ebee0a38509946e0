"""Every n-th /db/work leaves its connection `idle in transaction`, until the fault is switched off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading
from target.faults.share import EveryNth


@dataclass
class IdleInTransaction:
    """As `pool_leak`, but with an open transaction, which pg_stat_activity shows."""

    every: int
    open: int = field(default=0, init=False)
    _nth: EveryNth = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._nth = EveryNth(self.every)

    def leaves_transaction(self) -> bool:
        leaves = self._nth.take()
        self.open += leaves
        return leaves

    def status(self) -> Mapping[str, Reading]:
        """Requests that had a connection, and transactions that were left open."""
        return {"requests": self._nth.seen, "open": self.open}
