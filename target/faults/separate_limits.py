"""Each process counts its callers alone: k processes admit up to k times the limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class SeparateLimits:
    """The common limit goes on counting what was admitted, and so knows to the request what was too much."""

    admitted: int = field(default=0, init=False)
    extra: int = field(default=0, init=False)

    def admitted_alone(self, extra: bool) -> None:
        """A request that this process admitted."""
        self.admitted += 1
        self.extra += extra

    def status(self) -> Mapping[str, Reading]:
        """Requests admitted, and those of them that a common limit would have refused."""
        return {"admitted": self.admitted, "extra": self.extra}
