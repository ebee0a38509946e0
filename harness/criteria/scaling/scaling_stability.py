"""Turns of the autoscaler that the demand did not ask for: flapping."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._criterion import ElasticityCriterion
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording

LARGEST_GAP_S = 3.0
"""Samples must come as often as this for a change and its undoing to be seen."""
AS_SHORT_AS_SAMPLES = 1.5
"""A number that turns back within so many intervals of sampling changes as fast as it is sampled: between two samples
it may have turned any number of times (aliasing)."""


@dataclass(frozen=True)
class ScalingStability(ElasticityCriterion):
    """The number of replicas turns round no more often than the demand does, but for a few times.

    A turn is a step up after a step down, or down after up. Counted in the number that the autoscaler wants where a
    probe knows it, else in the ready ones. A number that turns as fast as it is sampled may turn more often than that,
    so it exceeds the limit but never keeps it. The jitter of Herbst et al. (ICAC 2013) is in the evidence.
    """

    title = "turns beyond those of the demand"
    unit = "turns"

    limit: float = parameter(2.0, "largest number of turns beyond those of the demand")

    def judge(self, recording: Recording) -> Finding:
        measured = elasticity.measure(recording, self)
        if isinstance(measured, str):
            return self.inconclusive(measured)
        counted = measured.wanted or measured.ready
        supply, needed = counted.middle, measured.demand
        beyond = max(0, supply.reversals() - needed.reversals())
        aliased = counted.shortest_turn_s <= AS_SHORT_AS_SAMPLES * counted.usual_gap_s
        seen_all = counted.longest_gap_s <= LARGEST_GAP_S and not aliased
        least = max(0, supply.reversals() - max(needed.reversals(), measured.least_demand.reversals()))
        most = max(0, supply.reversals() - min(needed.reversals(), measured.least_demand.reversals()))
        interval = float(least), float(most) if seen_all else math.inf
        outcome = against(self.limit, interval)
        whose = "wanted" if measured.wanted else "ready"
        reason = (
            f"changes of the replicas {whose}: {len(supply.changes())}, turns: {supply.reversals()}; "
            f"of the demand: {len(needed.changes())} and {needed.reversals()}; limit {self.limit:g} turns more"
        )
        if outcome is Outcome.INCONCLUSIVE:
            unseen = f"for {counted.longest_gap_s:.1f} s there was no sample: sample more often"
            if aliased:
                unseen = (
                    f"it turns as fast as it is sampled, every {counted.usual_gap_s:.2g} s, so there may be more "
                    "turns: sampling at least twice as fast would settle it"
                )
            reason += f"; {elasticity.ask_for_capacity(measured, self) if seen_all else unseen}"
        if outcome is Outcome.PASS:
            reason += f"; a turn that is undone before the next sample, every {counted.usual_gap_s:.2g} s, is not seen"
        minutes = (supply.end_s - supply.start_s) / 60
        evidence = {
            "sampled every (s)": round(counted.usual_gap_s, 3),
            f"changes of the number {whose}": len(supply.changes()),
            "changes of the number ready": len(measured.ready.middle.changes()),
            "changes of the demand": len(needed.changes()),
            "jitter (changes beyond the demand's, per minute)": round(
                (len(supply.changes()) - len(needed.changes())) / minutes, 3
            ),
            **measured.describe(),
        }
        return self.finding(outcome, reason, float(beyond), interval, evidence)
