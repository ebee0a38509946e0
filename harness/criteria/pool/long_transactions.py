"""Transactions that were left open."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, no_phase, phases_from, seconds, with_remedy
from harness.criteria.pool import _sessions as sessions
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class LongTransactions(Criterion):
    """No session stays idle in an open transaction for long: it would hold its locks, and hold back the vacuum.

    The figure is the largest age that a sample of the probe ``postgres`` showed. Between two samples an age may have
    grown, and a transaction come and gone, unseen: the interval ends that much higher.
    """

    title = "oldest transaction of an idle session"
    unit = "s"
    evidence = TARGET

    limit_s: float = parameter(5.0, "largest age in seconds of a transaction whose session is idle")
    phase: str = parameter("baseline", "judged from the beginning of this phase")
    remedy: str = parameter("", "what to say when the sessions were not sampled")

    def judge(self, recording: Recording) -> Finding:
        stretch = phases_from(recording, self.phase)
        if not stretch:
            return self.inconclusive(no_phase(recording, self.phase))
        seen = sessions.idling(recording, stretch[0].start_s, stretch[-1].end_s)
        if seen is None:
            return self.inconclusive(with_remedy(sessions.NOT_SAMPLED, self.remedy))
        interval = (seen.oldest_s, seen.oldest_s + seen.largest_gap_s)
        outcome = against(self.limit_s, interval)
        reason = f"the oldest was idle in its transaction at an age of {seconds(seen.oldest_s)}"
        reason = reason if seen.oldest_s else "no session was seen idle in a transaction"
        reason += f", limit {seconds(self.limit_s)}"
        if outcome is Outcome.INCONCLUSIVE:
            reason += f"; {seconds(seen.largest_gap_s)} were not sampled, in which it may have become older"
        evidence: dict[str, Scalar] = {"samples": seen.samples, "longest without a sample (s)": seen.largest_gap_s}
        left = sessions.left_idle(recording, stretch[-1])
        if left is not None:
            evidence[f"idle in transaction throughout the {stretch[-1].name}"] = left
        return self.finding(outcome, reason, seen.oldest_s, interval, evidence)
