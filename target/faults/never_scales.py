"""The autoscaler looks, computes, logs its recommendation, and leaves everything as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from target.faults.contract import Reading


@dataclass
class NeverScales:
    """Desired is always what there is."""

    where: ClassVar[str] = "autoscaler"

    withheld: int = field(default=0, init=False)

    def overrides(self, now: float, current: int, desired: int, least: int, most: int) -> int:  # noqa: ARG002
        self.withheld += desired != current
        return current

    def status(self) -> Mapping[str, Reading]:
        """Syncs that would have changed the number of replicas."""
        return {"withheld": self.withheld}
