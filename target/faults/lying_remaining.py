"""Answers say that more requests remain than do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class LyingRemaining:
    """Adds `added` to what remains, but never says more than the limit."""

    added: int
    answers: int = field(default=0, init=False)
    lies: int = field(default=0, init=False)

    def misstate(self, remaining: int, limit: int) -> int:
        told = min(limit, remaining + self.added)
        self.answers += 1
        self.lies += told != remaining
        return told

    def status(self) -> Mapping[str, Reading]:
        """Answers that said what remains, and those of them that said something else than the truth."""
        return {"answers": self.answers, "lies": self.lies}
