"""Everybody who misses loads from the database: a stampede at each expiry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class NoSingleFlight:
    """No miss waits for another one's load, in this process or in others."""

    loads: int = field(default=0, init=False)

    def loaded_alone(self) -> None:
        self.loads += 1

    def status(self) -> Mapping[str, Reading]:
        """Loads that looked for nobody else's."""
        return {"loads": self.loads}
