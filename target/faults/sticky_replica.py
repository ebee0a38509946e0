"""All reads go to one replica, the first by name, in every process; the others idle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class StickyReplica:
    """When that one is away, all go to the next."""

    reads: int = field(default=0, init=False)
    diverted: int = field(default=0, init=False)

    def pick(self, in_turn: str, replicas: Sequence[str]) -> str:
        picked = min(replicas)
        self.reads += 1
        self.diverted += picked != in_turn
        return picked

    def status(self) -> Mapping[str, Reading]:
        """Reads of a replica, and those of them that it was another one's turn to answer."""
        return {"reads": self.reads, "diverted": self.diverted}
