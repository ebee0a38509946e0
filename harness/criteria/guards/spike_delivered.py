"""Guard: the spike that was planned was really sent."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import phases
from harness.criteria._criterion import Guard
from harness.criteria._outcome import no_phase, percent
from harness.criteria.guards._delivery import deliveries
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording_marks import ARRIVALS


@dataclass(frozen=True)
class SpikeDelivered(Guard):
    """Guard: of every gate, of the arrivals alone or beside it, and of each class of users, enough was really sent.

    A spike that was not sent proves nothing about the target, so without it everything else is void. Where every gate
    was released and arrivals found no free user, there was load, if less of it: a FAIL that holds for what was sent,
    counted from the send, stands.
    """

    title = "spike delivered"
    unit = "ratio"
    of_generator = True

    limit: float = parameter(0.99, "smallest share of the planned spike that must be sent", highest=1)
    phase: str = parameter("spike", "phase that holds the spike")

    def judge(self, recording: Recording) -> Finding:
        phase = recording.phase(self.phase)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.phase))
        intended = phases.of_phase(recording, phase).intended
        if not intended:
            return self.finding(
                Outcome.INCONCLUSIVE, f"no request was sent in the {self.phase}: there was no spike", 0.0
            )
        parts = deliveries(recording, phase)
        if not parts:
            reason = f"{intended:,} requests in the {self.phase}; the closed model plans users, not requests"
            return self.finding(Outcome.PASS, reason)
        worst = min(parts, key=lambda part: part.ratio)
        text = f"{worst.what}: {worst.delivered:,} of {worst.planned:,.0f} planned requests were sent"
        if worst.ratio >= self.limit:
            return self.finding(Outcome.PASS, text, worst.ratio)
        reason = f"{text}, below {percent(self.limit)}; give the load generator more users, load processes or time"
        return self.finding(Outcome.INCONCLUSIVE, reason, worst.ratio)

    def without_objection(self, recording: Recording) -> Recording | None:
        phase = recording.phase(self.phase)
        short = () if phase is None else [p for p in deliveries(recording, phase) if p.ratio < self.limit]
        beside = recording.header.gates and short and all(part.what.startswith(ARRIVALS) for part in short)
        return phases.from_the_send(recording) if beside else None
