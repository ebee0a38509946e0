"""Every query of /db/work runs longer by a known time, on the server, holding its connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class SlowQuery:
    """Adds `delay_ms` to each pg_sleep."""

    delay_ms: float
    queries: int = field(default=0, init=False)

    def added_ms(self) -> float:
        self.queries += 1
        return self.delay_ms

    def status(self) -> Mapping[str, Reading]:
        """Slowed queries, and the time added to them."""
        return {"queries": self.queries, "added_ms": self.queries * self.delay_ms}
