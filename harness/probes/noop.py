"""The probe to copy: it samples nothing and answers ``value`` each time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.plugins import parameter
from harness.probes import Probe, Reading


@dataclass(frozen=True)
class Noop(Probe):
    """One reading of one source, always the same."""

    value: float = parameter(0.0, "what every sample reads", lowest=-math.inf)
    source: str = parameter("noop", "what is said to be sampled")

    def sample(self) -> Iterator[Reading]:
        yield Reading.of(self.source, {"value": self.value})
