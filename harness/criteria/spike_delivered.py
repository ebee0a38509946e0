"""Guard: the spike that was planned was really sent."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import phases
from harness.analysis.delivery import deliveries
from harness.criteria._outcome import no_phase, percent
from harness.criteria._parameter import name_parameter, parameter
from harness.findings import Finding, Outcome
from harness.recording import Recording


@dataclass(frozen=True)
class SpikeDelivered:
    """Guard: of every gate and of the planned arrivals, enough was really sent.

    A spike that was not sent proves nothing about the target, so without it everything else is void.
    """

    limit: float = parameter(0.99, "smallest share of the planned spike that must be sent", highest=1)
    phase: str = parameter("spike", "phase that holds the spike")
    name: str = name_parameter()

    def judge(self, recording: Recording) -> Finding:
        phase = recording.phase(self.phase)
        if phase is None:
            return self._finding(no_phase(recording, self.phase))
        intended = phases.of_phase(recording, phase).intended
        if not intended:
            return self._finding(f"no request was sent in the {self.phase}: there was no spike", 0.0)
        parts = deliveries(recording, phase)
        if not parts:
            reason = f"{intended:,} requests in the {self.phase}; the closed model plans users, not requests"
            return self._finding(reason, outcome=Outcome.PASS)
        worst = min(parts, key=lambda part: part.ratio)
        told = f"{worst.what}: {worst.delivered:,} of {worst.planned:,.0f} planned requests were sent"
        if worst.ratio >= self.limit:
            return self._finding(told, worst.ratio, Outcome.PASS)
        reason = f"{told}, below {percent(self.limit)}; give the load generator more users, nodes or time"
        return self._finding(reason, worst.ratio)

    def _finding(self, reason: str, figure: float | None = None, outcome: Outcome = Outcome.INCONCLUSIVE) -> Finding:
        return Finding(
            criterion=self.name or "spike_delivered",
            title="spike delivered",
            outcome=outcome,
            reason=reason,
            figure=figure,
            unit="ratio",
            limit=self.limit,
            voids=() if outcome is Outcome.PASS else ("*",),
            is_guard=True,
        )
