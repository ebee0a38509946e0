"""The recovery clock: how long ago the spike ended, and since when the target has been as before.

It looks at seconds as they close, and again when answers to them come late, by the rule of the criterion
``recovery_time`` without its statistics: a second is normal when no more of its requests are bad (failed, or slower
than p95 of the baseline and ``floor_s``, or without an answer for longer than that) than in the baseline, and a tenth.
It informs; the criterion judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.analysis import histogram
from harness.analysis.tallies import RunningTally
from harness.findings import RECOVERY_TIME
from harness.recording.header import Header

SHARE_FLOOR = 0.1
BASELINE_BAD_RATIO = 0.05
"""By definition of p95, beside what failed."""
LATE_S = 100
"""Seconds that are looked at again: a request that hangs is given up by then."""


@dataclass(frozen=True)
class RecoveryState:
    since_spike_s: float
    """Since its end."""
    normal_after_s: float | None
    """So long after it the target was normal again, and has been since; None: it is not."""
    hold_s: float
    """For which it has to stay so."""
    limit_s: float | None
    """None: nothing judges it, or only that of some requests."""
    heard_s: float
    """Until when requests have told how it is: so long after the spike. Silence is no recovery."""

    @property
    def has_recovered(self) -> bool:
        return self.normal_after_s is not None and self.heard_s - self.normal_after_s >= self.hold_s


class RecoveryClock:
    def __init__(self, header: Header) -> None:
        judged = (spec for spec in header.criteria if spec.criterion == RECOVERY_TIME)
        spec = next((spec for spec in judged if not spec.parameters.get("requests")), None)
        given = dict(spec.parameters) if spec is not None else {}

        def number(name: str, default: float) -> float:
            value = given.get(name, default)
            return float(value) if isinstance(value, int | float) else default

        self._limit_s = None if spec is None else number("limit_s", 30.0)
        self._hold_s, self._floor_s, self._slo_s = number("hold_s", 10.0), number("floor_s", 0.1), number("slo_s", 0.0)
        self._spike = header.phase(str(given.get("spike", "spike")))
        self._seconds = 0
        self._is_normal: dict[int, bool] = {}
        """By second, of those whose requests tell."""
        self._looked_at: dict[int, tuple[int, int]] = {}
        """Of the same seconds, from how many requests and how many of them without an answer it is known."""
        self._limit_us: float | None = None
        self._bad_ratio = 0.0

    def close_second(
        self, t: int, second_of: Callable[[int], tuple[RunningTally, int]], baseline: RunningTally
    ) -> None:
        """Second ``t`` has closed, and earlier ones may have changed. ``second_of`` tells what has ended of a second,
        and how many requests have no answer yet; ``baseline`` is the tally of the whole phase.
        """
        if self._spike is None or t < self._spike.end_s:
            return
        self._seconds = t + 1 - self._spike.end_s
        if self._limit_us is None:
            p95_us = histogram.quantile_us(baseline.latency, 0.95) or 0.0
            self._limit_us = self._slo_s * 1e6 or p95_us + self._floor_s * 1e6
            failed_ratio = baseline.failed / baseline.intended if baseline.intended else 0.0
            self._bad_ratio = failed_ratio + BASELINE_BAD_RATIO + SHARE_FLOOR
        for each in range(max(self._spike.end_s, t - LATE_S), t + 1):
            tally, waiting = second_of(each)
            overdue = waiting if (t - each) * 1e6 > self._limit_us else 0
            requests = tally.intended + overdue
            if requests and self._looked_at.get(each) != (requests, overdue):
                self._looked_at[each] = requests, overdue
                good = histogram.within(tally.latency, self._limit_us / 1e6)
                self._is_normal[each] = (requests - good) / requests <= self._bad_ratio

    @property
    def state(self) -> RecoveryState | None:
        """None before the spike is over."""
        if not self._seconds or self._spike is None:
            return None
        normal_from_s: int | None = None
        for t in sorted(self._is_normal, reverse=True):
            if not self._is_normal[t]:
                break
            normal_from_s = t
        normal = None if normal_from_s is None else float(normal_from_s - self._spike.end_s)
        heard_s = max((t + 1.0 - self._spike.end_s for t in self._is_normal), default=0.0)
        return RecoveryState(float(self._seconds), normal, self._hold_s, self._limit_s, heard_s)
