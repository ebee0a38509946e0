"""A read that no replica answers is answered 503, although the primary could answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class NoFallback:
    """While there is a replica there is no difference."""

    refused: int = field(default=0, init=False)

    def refused_fallback(self) -> None:
        """A read that would have gone to the primary."""
        self.refused += 1

    def status(self) -> Mapping[str, Reading]:
        """Reads that were answered 503 for want of a replica."""
        return {"refused": self.refused}
