"""The probe to copy: it samples nothing and answers ``value`` each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.probes import Reading


@dataclass(frozen=True)
class Noop:
    """One reading of one source, always the same."""

    value: float = 0.0
    source: str = "noop"

    def sample(self) -> Iterator[Reading]:
        yield Reading.of(self.source, {"value": self.value})
