"""Time from a rise of the demand until enough replicas are ready."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against, seconds
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._criterion import ElasticityCriterion
from harness.criteria.scaling._elasticity import Elasticity, Rise
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class ScalingLag(ElasticityCriterion):
    """Whenever the demand rises, enough replicas are ready soon.

    The slowest rise is judged. Never ready is "longer than it was waited for", never 0 and never a pass. Nor is there
    one where they were ready, and not any more while they were still needed: a replica that crashes as soon as it has
    come is none. Needs a probe that counts ready replicas; definitions in
    :mod:`harness.criteria.scaling._elasticity`.
    """

    title = "demand risen to replicas ready"
    unit = "s"

    limit_s: float = parameter(30.0, "largest time in seconds from a rise of the demand to enough ready replicas")

    def judge(self, recording: Recording) -> Finding:
        measured = elasticity.measure(recording, self)
        if isinstance(measured, str):
            return self.inconclusive(measured)
        rises = elasticity.find_rises(measured, measured.demand)
        if not rises:
            reason = "the demand never rose, so there was nothing to scale for: a higher peak would show it"
            return self.inconclusive(reason, measured.describe())
        slowest = max(rises, key=lambda rise: rise.interval_s)
        ends = [_slowest_s(rises), _slowest_s(elasticity.find_rises(measured, measured.least_demand))]
        low_s, high_s = min(low for low, _ in ends), max(high for _, high in ends)
        outcome, lost = against(self.limit_s, (low_s, high_s)), ""
        gone = [rise for rise in rises if rise.lost_s is not None]
        if outcome is Outcome.PASS and gone:
            outcome, lost = Outcome.INCONCLUSIVE, f"; {_lost(gone[0])}"
        return self.finding(
            outcome,
            f"{self._reason(slowest, measured)}{lost or self._settled_by(outcome, slowest, measured)}",
            None if math.isinf(slowest.interval_s[1]) else slowest.lag_s,
            (low_s, high_s),
            {**measured.describe(), **_describe_each(rises)},
            censored=math.isinf(high_s),
        )

    def _reason(self, slowest: Rise, measured: Elasticity) -> str:
        limit = f"limit {seconds(self.limit_s)}"
        rise = f"the demand for {slowest.replicas} replicas at {slowest.t:g} s"
        waited_s, latest_s = slowest.interval_s
        if math.isfinite(latest_s):
            return f"{rise} was met after {seconds(waited_s)} to {seconds(latest_s)}, {limit}"
        reason = f"{rise} was not met in the {seconds(waited_s)} that it lasted, {limit}"
        unwanted = measured.wanted is not None and slowest.wanted_after_s is None
        return reason + ("; the autoscaler never wanted so many" if unwanted else "")

    def _settled_by(self, outcome: Outcome, slowest: Rise, measured: Elasticity) -> str:
        """The end of a sentence that leaves it open."""
        if outcome is not Outcome.INCONCLUSIVE:
            return ""
        if measured.least_demand != measured.demand:
            return f"; {elasticity.ask_for_capacity(measured, self)}"
        if math.isinf(slowest.interval_s[1]):
            return f"; a step of more than {seconds(self.limit_s)} would settle it"
        return ": too close to tell between two samples"


def _lost(rise: Rise) -> str:
    assert rise.lost_s is not None
    return (
        f"but from {seconds(rise.lost_s)} on there were fewer than {rise.replicas} again, though they were still "
        "needed: under_provisioning would judge what was missing, and a replica that stays would settle it"
    )


def _slowest_s(rises: tuple[Rise, ...]) -> tuple[float, float]:
    """Interval of the slowest rise; 0 where there was none."""
    ends = [rise.interval_s for rise in rises]
    return max((low for low, _ in ends), default=0.0), max((high for _, high in ends), default=0.0)


def _describe_each(rises: tuple[Rise, ...]) -> dict[str, Scalar]:
    """Every rise, and which part of it the autoscaler took to decide."""
    evidence: dict[str, Scalar] = {}
    for rise in rises:
        label = f"for {rise.replicas} replicas, from {rise.t:g} s on"
        evidence[f"{label} (s)"] = rise.lag_s
        if rise.lag_s is not None and rise.wanted_after_s is not None:
            evidence[f"{label}: wanted to ready (s)"] = max(0.0, rise.lag_s - rise.wanted_after_s)
    return evidence
