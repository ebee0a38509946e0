"""The autoscaler goes back and forth between its minimum and its maximum, whatever the load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from target.faults.contract import Reading


@dataclass
class Flapping:
    """The maximum for `period` seconds, the minimum for as long, and so on, from the first sync."""

    where: ClassVar[str] = "autoscaler"

    period: float
    flips: int = field(default=0, init=False)
    _from: float | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.period <= 0:
            raise ValueError("period must be more than 0")

    def overrides(self, now: float, current: int, desired: int, least: int, most: int) -> int:  # noqa: ARG002
        if self._from is None:
            self._from = now
        wanted = least if int((now - self._from) / self.period) % 2 else most
        self.flips += wanted != current
        return wanted

    def status(self) -> Mapping[str, Reading]:
        """Syncs at which it changed the number of replicas."""
        return {"flips": self.flips}
