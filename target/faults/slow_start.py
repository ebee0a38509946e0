"""A replica that the autoscaler starts gets its first request a known time later than it could."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from target.faults.contract import Reading


@dataclass
class SlowStart:
    """No replica is ready earlier than `seconds` after its start."""

    where: ClassVar[str] = "autoscaler"

    seconds: float
    delayed: int = field(default=0, init=False)

    def start_delay_s(self) -> float:
        self.delayed += 1
        return self.seconds

    def status(self) -> Mapping[str, Reading]:
        """Starts that were delayed."""
        return {"delayed": self.delayed}
