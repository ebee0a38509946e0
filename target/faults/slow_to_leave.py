"""A process that is told to end stays, alive for the balancer's check, and answers everything else with 503."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class SlowToLeave:
    """For `seconds` after SIGTERM. Its account goes with it: its last line on stderr says it once more."""

    seconds: float
    refused: int = field(default=0, init=False)

    def leave_after_s(self) -> float:
        return self.seconds

    def refused_leaving(self) -> None:
        """A request that the balancer still sent."""
        self.refused += 1

    def status(self) -> Mapping[str, Reading]:
        """Requests answered 503 after SIGTERM."""
        return {"refused": self.refused}
