"""Changes in words."""

from __future__ import annotations

import math

from harness.analysis.two_samples import Bounds
from harness.comparison.metric import OF_LIMIT
from harness.criteria._outcome import megabytes, seconds
from harness.criteria._outcome import percent as in_percent
from harness.errors import ConfigurationError


def share_of(percent: str) -> float:
    """From ``10%``, or ``10``: 0.1. Raises ConfigurationError."""
    try:
        value = float(percent.strip().removesuffix("%"))
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1000:
        raise ConfigurationError(f"--worse-than {percent}: give a share in percent from 0 to 1000, e.g. 10%")
    return value / 100


def figure(value: float, unit: str) -> str:
    if unit == "s" and math.isfinite(value):
        return seconds(value)
    if unit == "ratio":
        return in_percent(value)
    if unit == "bytes":
        return megabytes(value)
    return f"{value:.3g} {unit}".rstrip()


def bounds(of: Bounds, unit: str) -> str:
    """A figure of a run: ``1.2 s``, ``not seen to end in 60 s``."""
    low, high = of
    if low == math.inf:
        return "too many failed"
    return f"not seen to end in {figure(low, unit)}" if math.isinf(high) else figure(high, unit)


def allowed(ratio: float, limit: float | None, of: float, unit: str) -> str:
    """The margin: a share, or where more than that is allowed, how much."""
    if limit is None or limit <= ratio * abs(of) * 1.000001:
        return f"{ratio * 100:.3g} %"
    return f"{limit * 100:.3g} percentage points" if unit == "ratio" else figure(limit, unit)


def change(by: float, of: float, unit: str) -> str:
    """``+12 %``; in the unit where the share of next to nothing would say little."""
    if not math.isfinite(of) or abs(of) < 1e-9 or abs(by / of) >= 10 or unit in OF_LIMIT:
        return ("+" if by >= 0 else "") + (f"{by * 100:.3g} percentage points" if unit == "ratio" else figure(by, unit))
    return f"{by / of * 100:+.3g} %"
