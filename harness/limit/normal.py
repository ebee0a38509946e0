"""Whether a service is as it was before any spike: the band that the baseline of the first run has set."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import phases
from harness.analysis.quality import ServiceLevel, service_levels, windows
from harness.criteria.recovery._baseline_band import SHARE_FLOOR, SLOW_SHARE
from harness.findings import BASELINE
from harness.recording import Recording
from harness.recording.header import Phase

FLOOR_S = 0.1
"""So many seconds slower than in the baseline is no harm, as in ``recovery_time``."""
WATCHED_S = 5
FEWEST = 10
"""Requests that say how it is."""
RECOVERY = "recovery"


@dataclass(frozen=True)
class Normal:
    """As in the band of :mod:`harness.criteria.recovery._baseline_band`: no more requests bad than in the baseline and
    a tenth, and no more than half slower than the median may be.
    """

    slo: ServiceLevel
    usual: ServiceLevel
    bad_ratio: float

    @classmethod
    def of(cls, recording: Recording) -> Normal | None:
        """By the baseline of a run; None where it has too few requests, or too many of them failed."""
        recording = phases.only(recording, "")
        baseline = recording.phase(BASELINE)
        if baseline is None:
            return None
        slo, usual = service_levels(recording, baseline, FLOOR_S)
        if slo is None or usual is None:
            return None
        seen = windows(recording, baseline.start_s, baseline.end_s, 1, slo, usual)
        intended = int(seen.intended.sum())
        return None if intended < FEWEST else cls(slo, usual, float(seen.bad.sum() / intended))

    def is_there(self, recording: Recording, phase: Phase) -> bool:
        """Whether the service was so in the last seconds of a phase, or in all of it where these have too few requests;
        not where nothing says so.
        """
        recording = phases.only(recording, "")
        for start_s in (max(phase.start_s, phase.end_s - WATCHED_S), phase.start_s):
            seen = windows(recording, start_s, phase.end_s, 1, self.slo, self.usual)
            intended = int(seen.intended.sum())
            if intended >= FEWEST:
                bad, slow = seen.bad.sum() / intended, seen.slow.sum() / intended
                return bool(bad <= self.bad_ratio + SHARE_FLOOR and slow <= SLOW_SHARE)
        return False
