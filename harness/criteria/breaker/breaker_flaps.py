"""How often a circuit breaker closed and opened again while its dependency failed, or after it was healed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against, with_remedy
from harness.criteria.breaker._clients import find_open_runs
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._measure import BreakerBehaviour, measure
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class BreakerFlaps(BreakerCriterion):
    """The breaker does not go back and forth: openings that followed a closing, in the worst instance.

    A half-open probe that fails is no flap. Without counters of openings and closings, states and clients show only
    flaps that lasted a second or more, so they can exceed the limit but not prove that it was kept.
    """

    follows = ("breaker_opens",)
    title = "circuit breaker flaps"
    unit = "times"

    limit: float = parameter(0, "largest number of times that it may open again after it was closed")

    def _judge(self, recording: Recording) -> Finding:
        measured = measure(recording, self)
        if measured.missing:
            return self.inconclusive(measured.missing)
        if not measured.is_seen_open:
            return self.inconclusive("it was never seen open, so nothing could flap")
        low, high = _count_flaps(measured)
        outcome = against(self.limit, (low, high))
        seen = "seen to open again" if math.isinf(high) else "opened again"
        reason = f"{seen} {low:g} times after it was closed, limit {self.limit:g}"
        if outcome is Outcome.INCONCLUSIVE:
            counters = "only counters of openings and closings, read to the end, would show short ones"
            reason += f"; {with_remedy(counters, self.state_remedy)}"
        evidence = measured.describe_witnesses()
        for instance in measured.instances:
            evidence[f"{instance.source} openings, half-open included"] = instance.opens
        return self.finding(outcome, reason, low, (low, high), evidence)


def _count_flaps(measured: BreakerBehaviour) -> tuple[float, float]:
    """Fewest and most that there can have been."""
    if not measured.instances:
        return max(0.0, len(find_open_runs(measured.seconds)) - 1.0), math.inf
    low, high = 0.0, 0.0
    for instance in measured.instances:
        counted = instance.openings
        least = max(0.0, (instance.openings_seen if counted is None else counted) - 1)
        low = max(low, least)
        high = max(high, math.inf if counted is None or instance.silent_from_s is not None else least)
    return low, high
