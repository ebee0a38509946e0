"""The recovery clock: how long ago the spike ended, and since when the target has been as before.

It looks at seconds as they close, by the rule of the criterion ``recovery_time`` without its statistics: a second is
normal when no more of its requests are bad (failed, or slower than p95 of the baseline and ``floor_s``) than in the
baseline, and a tenth. It informs; the criterion judges.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import histogram
from harness.analysis.phases import RunningTally
from harness.recording_header import Header

CRITERION = "recovery_time"
SHARE_FLOOR = 0.1
BASELINE_BAD_RATIO = 0.05
"""By definition of p95, beside what failed."""


@dataclass(frozen=True)
class RecoveryState:
    since_spike_s: float
    """Since its end."""
    normal_after_s: float | None
    """So long after it the target was normal again, and has been since; None: it is not."""
    hold_s: float
    """For which it has to stay so."""
    limit_s: float | None
    """None: nothing judges it."""

    @property
    def has_recovered(self) -> bool:
        return self.normal_after_s is not None and self.since_spike_s - self.normal_after_s >= self.hold_s


class RecoveryClock:
    def __init__(self, header: Header) -> None:
        spec = next((spec for spec in header.criteria if spec.criterion == CRITERION), None)
        given = dict(spec.parameters) if spec is not None else {}

        def number(name: str, default: float) -> float:
            value = given.get(name, default)
            return float(value) if isinstance(value, int | float) else default

        self._limit_s = None if spec is None else number("limit_s", 30.0)
        self._hold_s, self._floor_s, self._slo_s = number("hold_s", 10.0), number("floor_s", 0.1), number("slo_s", 0.0)
        self._spike = header.phase(str(given.get("spike", "spike")))
        self._seconds = 0
        self._normal_from_s: int | None = None
        self._limit_us: float | None = None
        self._bad_ratio = 0.0

    @property
    def starts_s(self) -> int | None:
        """The end of the spike; None where there is none."""
        return None if self._spike is None else self._spike.end_s

    def close_second(self, t: int, tally: RunningTally, baseline: RunningTally) -> None:
        """``tally`` is that of second ``t``, ``baseline`` that of the whole phase."""
        if self._spike is None or t < self._spike.end_s:
            return
        self._seconds = t + 1 - self._spike.end_s
        if self._limit_us is None:
            p95_us = histogram.quantile_us(baseline.latency, 0.95) or 0.0
            self._limit_us = self._slo_s * 1e6 or p95_us + self._floor_s * 1e6
            failed_ratio = baseline.failed / baseline.intended if baseline.intended else 0.0
            self._bad_ratio = failed_ratio + BASELINE_BAD_RATIO + SHARE_FLOOR
        if not tally.intended:
            return  # nothing says anything
        good = histogram.within(tally.latency, self._limit_us / 1e6)
        if (tally.intended - good) / tally.intended > self._bad_ratio:
            self._normal_from_s = None
        elif self._normal_from_s is None:
            self._normal_from_s = t - self._spike.end_s

    @property
    def state(self) -> RecoveryState | None:
        """None before the spike is over."""
        if not self._seconds:
            return None
        normal = None if self._normal_from_s is None else float(self._normal_from_s)
        return RecoveryState(float(self._seconds), normal, self._hold_s, self._limit_s)
