"""A baseline in which the latency goes up and down by itself, for longer than a window, and what would show how far.

A queue near saturation does that: half a minute of it is one piece of a slow wave. More requests do not settle it, but
more time does, with an allowance for how much slower the target gets by itself. Calibration, row ``recovery_advice``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria.recovery._baseline_band import EFFECTIVE_WINDOWS, Band

ENOUGH_S = 120
"""In less nobody sees how far it goes."""


@dataclass(frozen=True)
class Wandering:
    """What would settle it."""

    baseline_s: int
    """A baseline in which it shows how far it goes."""
    floor_s: float
    """As much as the slowest request of the baseline took longer than half of them: so far it goes by itself."""


def wandering_of(known: Band, window_s: int, floor_s: float) -> Wandering | None:
    """None where neighbouring windows of the baseline are not alike."""
    drift = 0.0 if known.drift.is_told else known.drift.correlation
    correlation = max(known.bad.correlation, known.slow.correlation, drift)
    if correlation == 0:
        return None
    enough_s = window_s * EFFECTIVE_WINDOWS * (1 + correlation) / (1 - correlation)
    return Wandering(max(ENOUGH_S, 10 * math.ceil(enough_s / 10 - 1e-9)), floor_s)
