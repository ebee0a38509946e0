"""Once the breaker is open it stays so, and probes nothing, until the fault is switched off."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from target.faults.contract import Combine, Reading


@dataclass
class BreakerNeverCloses:
    """A breaker that is closed when the fault comes works normally until it opens."""

    combine: ClassVar[Combine] = {"held_from": min}

    held_from: float | None = field(default=None, init=False)
    fast_fails: int = field(default=0, init=False)

    def holds_open(self, is_open: bool) -> bool:
        if self.held_from is None:
            if not is_open:
                return False
            self.held_from = time.monotonic()
        self.fast_fails += 1
        return True

    def status(self) -> Mapping[str, Reading]:
        """Since when it holds (CLOCK_MONOTONIC seconds; None: not yet), and the calls it failed fast."""
        return {"held_from": self.held_from, "fast_fails": self.fast_fails}
