"""Is it a leak? Memory that goes on growing under steady load, told from noise, warm-up, caches and
collectors.

All of these must hold, because each alone is fooled by something that is no leak:

* a trend upwards (Mann–Kendall with the correction of Hamed and Rao, p < 0.01) after the warm-up has been cut off;
* a rise that matters: lower bound of the Theil–Sen slope × duration > the larger of 5 % and a limit;
* growth in at least two of three segments, the last among them: a cache that fills up stops growing.

One run without a phase of idleness cannot show whether the memory would have come back, so a leak is
*suspected*. A random walk looks like a leak, and in a run as long as ours it cannot be told from one;
docs/measurement.md states how often each of these is mistaken for a leak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.lazy import LazyModule
from harness.criteria.recovery._trend import MINIMUM_SAMPLES, FloatArray, Trend, trend

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

P_LIMIT = 0.01
RISE_SHARE = 0.05
WARM_UP_SHARE = 0.25
SEGMENTS = 3
STEADY_SHARE = 0.5
"""A segment grows when its own slope is at least this share of the overall one."""


@dataclass(frozen=True)
class LeakTest:
    """Whether a leak is suspected, and why (not)."""

    suspected: bool | None
    """None when there are too few samples to say."""
    reason: str
    trend: Trend | None = None
    rise_interval_bytes: tuple[float, float] | None = None
    rise_bytes: float | None = None
    """Slope × duration, after the warm-up."""
    needed_bytes: float = 0
    """The least rise that matters."""
    segments_growing: int = 0
    has_stopped: bool = False
    """It did grow by as much as matters, and not any more in the last segment."""
    duration_s: float = 0


def assess(t: FloatArray, memory_bytes: FloatArray, limit_bytes: float = 0) -> LeakTest:
    """Tests memory under steady load; ``t`` in seconds, increasing, both of shape (n,)."""
    if len(t) and t[-1] > t[0]:
        kept = t >= t[0] + WARM_UP_SHARE * (t[-1] - t[0])
        t, memory_bytes = t[kept], memory_bytes[kept]
    overall = trend(t, memory_bytes)
    # Each of the segments needs as many samples as any trend.
    if overall is None or len(t) < SEGMENTS * MINIMUM_SAMPLES:
        needed = SEGMENTS * MINIMUM_SAMPLES
        return LeakTest(None, f"{needed} samples after the warm-up needed to tell a leak, {len(t)} seen")
    duration_s = float(t[-1] - t[0])
    low, high = overall.slope_interval
    level = float(np.median(memory_bytes[: max(1, len(t) // 10)]))
    needed_bytes = max(RISE_SHARE * level, limit_bytes)
    growing = _growing(t, memory_bytes, overall.slope)
    objections = []
    if overall.slope <= 0 or overall.p >= P_LIMIT:
        objections.append(f"no upward trend (p = {overall.p:.2g})")
    if low * duration_s <= needed_bytes:
        least = f"{max(0.0, low) * duration_s / 1e6:.1f} MB"
        objections.append(f"a rise of at least {least} does not exceed {needed_bytes / 1e6:.1f} MB")
    if sum(growing) < SEGMENTS - 1 or not growing[-1]:
        objections.append(f"growth in {sum(growing)} of {SEGMENTS} segments, or not in the last")
    rise = f"{overall.slope * duration_s / 1e6:.1f} MB in {duration_s:.0f} s"
    held = f"steady growth, {rise} (p {f'= {overall.p:.2g}' if overall.p >= 0.001 else '< 0.001'})"
    return LeakTest(
        suspected=not objections,
        reason="; ".join(objections) or held,
        trend=overall,
        rise_interval_bytes=(low * duration_s, high * duration_s),
        rise_bytes=overall.slope * duration_s,
        needed_bytes=needed_bytes,
        segments_growing=sum(growing),
        has_stopped=low * duration_s > needed_bytes and not growing[-1],
        duration_s=duration_s,
    )


def _growing(t: FloatArray, memory_bytes: FloatArray, slope: float) -> list[bool]:
    """For each third of the series: does it grow about as the whole does?"""
    parts = zip(np.array_split(t, SEGMENTS), np.array_split(memory_bytes, SEGMENTS), strict=True)
    own = [trend(part_t, part) for part_t, part in parts]
    return [slope > 0 and piece is not None and piece.slope >= STEADY_SHARE * slope for piece in own]
