"""How often a circuit breaker closed and opened again while its dependency failed, or after it was healed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against
from harness.criteria.breaker._clients import open_runs
from harness.criteria.breaker._criterion import BreakerCriterion, witnesses
from harness.criteria.breaker._measure import Measured
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class BreakerFlaps(BreakerCriterion):
    """The breaker does not go back and forth: openings that followed a closing, in the worst instance.

    A half-open probe that fails is no flap. Without counters of openings and closings, states and clients show only
    flaps that lasted a second or more, so they can exceed the limit but not prove that it was kept.
    """

    limit: float = parameter(0, "largest number of times that it may open again after it was closed")

    def judge(self, recording: Recording) -> Finding:
        measured = self.measured(recording)
        missing = measured.problem
        if not missing and not measured.is_seen_open:
            missing = "it was never seen open, so nothing could flap"
        if missing:
            return self._finding(Outcome.INCONCLUSIVE, missing)
        low, high = _flaps(measured)
        outcome = against(self.limit, (low, high))
        told = f"opened again {low:g} times after it was closed, limit {self.limit:g}"
        if math.isinf(high):
            told = f"seen to open again {low:g} times after it was closed, limit {self.limit:g}"
        if outcome is Outcome.INCONCLUSIVE:
            told += "; only counters of openings and closings, read to the end, would show short ones: give --api-urls"
        evidence = witnesses(measured)
        for instance in measured.instances:
            evidence[f"{instance.source} openings, half-open included"] = instance.opens
        return self._finding(outcome, told, (low, high), evidence)

    def _finding(
        self,
        outcome: Outcome,
        reason: str,
        interval: tuple[float, float] | None = None,
        evidence: dict[str, str | float | None] | None = None,
    ) -> Finding:
        return Finding(
            criterion=self.name or "breaker_flaps",
            title="circuit breaker flaps",
            outcome=outcome,
            reason=reason,
            figure=None if interval is None else interval[0],
            unit="times",
            limit=self.limit,
            interval=interval,
            evidence=evidence or {},
        )


def _flaps(measured: Measured) -> tuple[float, float]:
    """Fewest and most that there can have been."""
    if not measured.instances:
        return max(0.0, len(open_runs(measured.seconds)) - 1.0), math.inf
    low, high = 0.0, 0.0
    for instance in measured.instances:
        counted = instance.openings
        least = max(0.0, (instance.openings_seen if counted is None else counted) - 1)
        low = max(low, least)
        high = max(high, math.inf if counted is None or instance.silent_from_s is not None else least)
    return low, high
