"""How many calls reach a failing dependency although the circuit breaker is open."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against, percent
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._measure import BreakerBehaviour, Leak, measure
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar

FEWEST = 20
"""Requests that are needed to speak of a share."""


@dataclass(frozen=True)
class BreakerLeakThrough(BreakerCriterion):
    """Calls that the dependency receives ÷ requests of the clients, while the breaker is open, stay within a limit.

    Half-open probes are among these calls: of a breaker that rests r seconds, at λ requests a second, one call in r·λ
    is one. Where the breaker never opened, the whole failure counts.
    """

    title = "calls that get through an open breaker"
    unit = "ratio"

    limit: float = parameter(0.1, "largest share of the requests that may reach the dependency", highest=1)

    def _judge(self, recording: Recording) -> Finding:
        measured = measure(recording, self)
        leak = measured.leak
        missing = measured.missing or _missing(measured)
        if missing or leak is None:
            return self.inconclusive(missing)
        outcome = against(self.limit, leak.interval)
        reason = self._reason(measured, leak, outcome)
        return self.finding(outcome, reason, leak.ratio, leak.interval, _evidence(measured, leak))

    def _reason(self, measured: BreakerBehaviour, leak: Leak, outcome: Outcome) -> str:
        when = "while it was open" if measured.has_opened else "in the whole failure, as the breaker never opened"
        seen = f"{leak.calls:g} calls reached the dependency for {leak.requests:.0f} requests {when}"
        low, high = leak.interval
        limit = f"limit {percent(self.limit)}"
        if outcome is Outcome.INCONCLUSIVE:
            wide = f"between {percent(low)} and {percent(high)}" if math.isfinite(high) else "too few to tell"
            return f"{seen}: {wide}, {limit}; a longer failure or more requests would settle it"
        return f"{seen} ({percent(leak.ratio)}), {limit}"


def _missing(measured: BreakerBehaviour) -> str:
    """Why there is no share to judge; empty when there is."""
    if measured.unobserved:
        return f"not observable: {measured.unobserved}"
    if measured.leak is None:
        return "not two samples of the dependency's counter while it was open: a longer failure would settle it"
    if measured.leak.requests < FEWEST:
        return f"{measured.leak.requests:.0f} requests while it was open, {FEWEST} are needed: send more, or for longer"
    return ""


def _evidence(measured: BreakerBehaviour, leak: Leak) -> dict[str, Scalar]:
    evidence = measured.describe_witnesses()
    evidence |= {"counted from (s)": leak.begin_s, "counted until (s)": leak.end_s, "calls": leak.calls}
    probes = [instance.probes for instance in measured.instances if instance.probes is not None]
    periods = [instance.half_opens for instance in measured.instances if instance.half_opens is not None]
    if probes:
        evidence["half-open probes in the whole run"] = sum(probes)
    if probes and periods:
        evidence["half-open periods"] = sum(periods)
        evidence["probes per half-open"] = round(sum(probes) / sum(periods), 3) if sum(periods) else None
    return evidence
