"""/quote calls the upstream past its breaker: however often that fails, the next call is made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class BreakerNeverOpens:
    """The breaker neither sees these calls nor changes its state."""

    calls: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)

    def bypassed(self, failed: bool) -> None:
        self.calls += 1
        self.failures += failed

    def status(self) -> Mapping[str, Reading]:
        """Calls past the breaker, and those of them that failed."""
        return {"calls": self.calls, "failures": self.failures}
