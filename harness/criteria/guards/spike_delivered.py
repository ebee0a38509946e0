"""Guard: the spike that was planned was really sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.analysis import phases
from harness.criteria._criterion import Guard
from harness.criteria._outcome import no_phase, percent
from harness.criteria.guards import _silent as silent
from harness.criteria.guards._delivery import Delivery, deliveries, of_levels
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.marks import ARRIVALS


@dataclass(frozen=True)
class SpikeDelivered(Guard):
    """Guard: of every gate, of the arrivals alone or beside it, and of each class of users, enough was really sent.

    Where classes of users have levels of their own, it is about each of them in every phase. A class that began and
    never sent anything is not delivered, in a closed model as well.
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
        phase = self._judged(recording)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.phase))
        intended = phases.of_phase(recording, phase).intended
        if not intended:
            return self.finding(
                Outcome.INCONCLUSIVE, f"no request was sent in the {phase.name}: there was no spike", 0.0
            )
        parts = (*deliveries(recording, phase), *of_levels(recording), *silent.silent_classes(recording))
        if not parts:
            sent = f"{intended:,} requests in the {phase.name}; the closed model plans users, not requests"
            return self.finding(Outcome.PASS, "; ".join(filter(None, [sent, silent.without_users(recording)])))
        worst = min(parts, key=lambda part: part.ratio)
        if worst.planned == silent.UNTOLD:
            told = (
                f"{worst.what} sent no request in the whole run: let their tasks make one, with a client that is "
                "recorded, or leave the class out"
            )
            return self.finding(Outcome.INCONCLUSIVE, told, worst.ratio)
        text = f"{worst.what}: {worst.delivered:,} of {worst.planned:,.0f} planned requests were sent"
        if worst.ratio >= self.limit:
            return self.finding(Outcome.PASS, text, worst.ratio)
        reason = f"{text}, below {percent(self.limit)}; {_remedy(recording, phase, worst)}"
        return self.finding(Outcome.INCONCLUSIVE, reason, worst.ratio)

    def _judged(self, recording: Recording) -> Phase | None:
        if any(each.level for each in recording.header.classes):
            return silent.all_load(recording)
        return recording.phase(self.phase)

    def without_objection(self, recording: Recording) -> Recording | None:
        phase = self._judged(recording)
        short = () if phase is None else [p for p in deliveries(recording, phase) if p.ratio < self.limit]
        beside = recording.header.gates and short and all(part.what.startswith(ARRIVALS) for part in short)
        return phases.from_the_send(recording) if beside else None


def _remedy(recording: Recording, phase: Phase, worst: Delivery) -> str:
    """More users send no more, where most of what is missing had one that sent nothing."""
    user_class = worst.user_class
    idle = silent.silent(recording, silent.all_load(recording) if user_class else phase)
    if user_class:
        idle = Counter({user_class: idle[user_class]})
    if idle.total() and 2 * idle.total() >= worst.planned - worst.delivered:
        return silent.in_words(idle)
    return "give the load generator more users, load processes or time"
