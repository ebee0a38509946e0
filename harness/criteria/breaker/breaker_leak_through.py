"""How many calls reach a failing dependency although the circuit breaker is open."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against, percent
from harness.criteria.breaker._criterion import BreakerCriterion, witnesses
from harness.criteria.breaker._measure import Leak, Measured
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording, Scalar

FEWEST = 20
"""Requests that are needed to speak of a share."""


@dataclass(frozen=True)
class BreakerLeakThrough(BreakerCriterion):
    """Calls that the dependency receives ÷ requests of the clients, while the breaker is open, stay within a limit.

    Half-open probes are among these calls: of a breaker that rests r seconds, at λ requests a second, one call in r·λ
    is one. Where the breaker never opened, the whole failure counts.
    """

    limit: float = parameter(0.1, "largest share of the requests that may reach the dependency", highest=1)

    def judge(self, recording: Recording) -> Finding:
        measured = self.measured(recording)
        calls = measured.leak
        missing = measured.problem or _missing(measured)
        if missing or calls is None:
            return self._finding(Outcome.INCONCLUSIVE, missing)
        outcome = against(self.limit, calls.interval)
        return self._finding(outcome, self._reason(measured, calls, outcome), calls, _evidence(measured, calls))

    def _reason(self, measured: Measured, calls: Leak, outcome: Outcome) -> str:
        when = "while it was open" if measured.has_opened else "in the whole failure, as the breaker never opened"
        told = f"{calls.calls:g} calls reached the dependency for {calls.requests:.0f} requests {when}"
        low, high = calls.interval
        limit = f"limit {percent(self.limit)}"
        if outcome is Outcome.INCONCLUSIVE:
            wide = f"between {percent(low)} and {percent(high)}" if math.isfinite(high) else "too few to tell"
            return f"{told}: {wide}, {limit}; a longer failure or more requests would settle it"
        return f"{told} ({percent(calls.ratio)}), {limit}"

    def _finding(
        self, outcome: Outcome, reason: str, calls: Leak | None = None, evidence: dict[str, Scalar] | None = None
    ) -> Finding:
        return Finding(
            criterion=self.name or "breaker_leak_through",
            title="calls that get through an open breaker",
            outcome=outcome,
            reason=reason,
            figure=None if calls is None else calls.ratio,
            unit="ratio",
            limit=self.limit,
            interval=None if calls is None else calls.interval,
            evidence=evidence or {},
        )


def _missing(measured: Measured) -> str:
    if measured.unobserved:
        return f"not observable: {measured.unobserved}"
    if measured.leak is None:
        return "not two samples of the dependency's counter while it was open: a longer failure would settle it"
    if measured.leak.requests < FEWEST:
        return f"{measured.leak.requests:.0f} requests while it was open, {FEWEST} are needed: send more, or for longer"
    return ""


def _evidence(measured: Measured, calls: Leak) -> dict[str, Scalar]:
    evidence = witnesses(measured)
    evidence |= {"counted from (s)": calls.begin_s, "counted until (s)": calls.end_s, "calls": calls.calls}
    probes = [instance.probes for instance in measured.instances if instance.probes is not None]
    periods = [instance.half_opens for instance in measured.instances if instance.half_opens is not None]
    if probes:
        evidence["half-open probes in the whole run"] = sum(probes)
    if probes and periods:
        evidence["half-open periods"] = sum(periods)
        evidence["probes per half-open"] = round(sum(probes) / sum(periods), 3) if sum(periods) else None
    return evidence
