"""Closes every WebSocket connection of the process once, when it is switched on; again when it is put again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from target.faults.contract import Combine, Reading


@dataclass
class DropAll:
    """Code 1012 (service restart) to each connection that was open at that instant."""

    combine: ClassVar[Combine] = {"at": min}

    closed: int = field(default=0, init=False)
    at: float | None = field(default=None, init=False)

    def dropped(self, connections: int) -> None:
        self.closed += connections
        self.at = time.monotonic()

    def status(self) -> Mapping[str, Reading]:
        """How many were closed, and when (CLOCK_MONOTONIC seconds)."""
        return {"closed": self.closed, "at": self.at}
