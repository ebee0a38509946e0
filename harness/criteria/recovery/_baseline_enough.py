"""Whether a baseline is long enough, dense enough and healthy enough to be compared with, and what would make it so."""

from __future__ import annotations

import math

from harness.analysis.quality import MINIMUM_REQUESTS, Windows
from harness.criteria.recovery._recovery import Settings

LARGEST_BASELINE_ERROR_RATIO = 0.1
CERTAIN = 2.33
"""Standard deviations of a number of random requests: fewer than so many below what is expected come in 1 of 100."""


def baseline_problem(normal: Windows, settings: Settings) -> str:
    """Why the baseline cannot be compared with; empty when it can."""
    count, requests = len(normal.start_s), int(normal.intended.sum())
    if count < settings.baseline_windows:
        return (
            f"baseline too short: {settings.baseline_windows} windows of {settings.window_s} s needed, with "
            f"{MINIMUM_REQUESTS} requests each, {count} seen, with {requests} requests in all"
        )
    if requests < MINIMUM_REQUESTS * count:
        rate, longer_s = requests / count / settings.window_s, math.ceil(MINIMUM_REQUESTS * count / max(1, requests))
        window_s, needed_s = longer_s * settings.window_s, longer_s * settings.window_s * settings.baseline_windows
        longer = f" with {needed_s} s of baseline" if count * settings.window_s < needed_s else ""
        dense = _rate_of_enough(count, settings.window_s)
        return (
            f"{rate:.3g} requests/s in the baseline are too few: a canary stream of {dense}/s, or windows of "
            f"{window_s} s (window_s){longer}, would settle it"
        )
    bad_ratio = float(normal.bad.sum() / normal.intended.sum())
    if bad_ratio > LARGEST_BASELINE_ERROR_RATIO:
        return f"the baseline itself is not healthy: {bad_ratio:.0%} of its requests failed or missed the SLO"
    return ""


def _rate_of_enough(count: int, window_s: int) -> int:
    """The least whole rate of random requests of which so many windows have enough, with 99 %."""
    rate, needed = math.ceil(MINIMUM_REQUESTS / window_s), MINIMUM_REQUESTS * count
    while (expected := rate * count * window_s) - CERTAIN * math.sqrt(expected) < needed:
        rate += 1
    return rate
