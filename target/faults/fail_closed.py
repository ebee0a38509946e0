"""Without Valkey the rate limit refuses everybody, where it should let everybody pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class FailClosed:
    """Answers 503 with `X-RateLimit-State: fail-closed`; while Valkey answers there is no difference."""

    refused: int = field(default=0, init=False)

    def refused_closed(self) -> None:
        """A request that Valkey was not asked about."""
        self.refused += 1

    def status(self) -> Mapping[str, Reading]:
        """Requests refused for want of Valkey."""
        return {"refused": self.refused}
