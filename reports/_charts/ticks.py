"""Round numbers for a value axis."""

from __future__ import annotations

import math

STEPS = 4
"""Of a linear axis, about."""


def linear(high: float) -> list[float]:
    """From 0 in steps of 1, 2 or 5 times a power of ten up to the first one at or above ``high``."""
    if not high > 0 or math.isinf(high):
        return [0.0, 1.0]
    rough = high / STEPS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [step * index for index in range(math.ceil(high / step - 1e-9) + 1)]


def logarithmic(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten around ``low`` … ``high``; only powers of ten where that is many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ladder = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
    below = max((rung for rung in ladder if rung <= low * 1.0001), default=ladder[0])
    above = min((rung for rung in ladder if rung >= high * 0.9999), default=ladder[-1])
    inside = [rung for rung in ladder if below <= rung <= above]
    if len(inside) <= 8:
        return inside
    tens = [
        rung
        for rung in inside
        if math.isclose(math.log10(rung) % 1.0, 0.0, abs_tol=1e-9)
        or math.isclose(math.log10(rung) % 1.0, 1.0, abs_tol=1e-9)
    ]
    return tens if len(tens) >= 2 else inside
