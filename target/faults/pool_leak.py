"""Every n-th /db/work does not give its connection back, until the fault is switched off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading
from target.faults.share import EveryNth


@dataclass
class PoolLeak:
    """Counted are requests that got a connection; once all have leaked, nobody gets one."""

    every: int
    leaked: int = field(default=0, init=False)
    _nth: EveryNth = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._nth = EveryNth(self.every)

    def keeps_connection(self) -> bool:
        keeps = self._nth.take()
        self.leaked += keeps
        return keeps

    def status(self) -> Mapping[str, Reading]:
        """Requests that had a connection, and connections that are out for good."""
        return {"requests": self._nth.seen, "leaked": self.leaked}
