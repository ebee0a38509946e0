"""How many failed calls it takes until the circuit breaker is open."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against, with_remedy
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._measure import BreakerBehaviour, measure
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class BreakerThreshold(BreakerCriterion):
    """Requests that failed at the dependency before the breaker was open, an instance, stay within a limit.

    Each instance counts for itself, so the figure is all of them ÷ instances. What was under way when it opened is
    among them. Only the signature of an open breaker tells an answer that was tried from one that was not. What had no
    answer may have been tried or not, so it is in the interval's upper end alone. Where it never opened, all calls that
    the dependency counted in the failure were tried. One that was open before the failure has opened for nothing of it.
    """

    follows = ("breaker_opens",)
    title = "failed calls until the circuit breaker is open, an instance"
    unit = "calls"

    limit: float = parameter(10.0, "most calls that may fail before it is open, an instance")

    def _judge(self, recording: Recording) -> Finding:
        measured = measure(recording, self)
        if measured.missing:
            return self.inconclusive(measured.missing)
        if missing := _missing(measured, self.signature_remedy):
            return self.inconclusive(missing, measured.describe_witnesses())
        instances = max(1, len(measured.instances))
        least, most, unanswered = _tried(measured)
        interval = least / instances, most / instances
        outcome = against(self.limit, interval)
        evidence: dict[str, Scalar] = {**measured.describe_witnesses(), "instances": instances}
        return self.finding(
            outcome,
            self._reason(interval, instances, outcome, unanswered),
            None if math.isinf(most) else interval[1],
            interval,
            evidence,
            censored=math.isinf(most),
        )

    def _reason(self, interval: tuple[float, float], instances: int, outcome: Outcome, unanswered: int) -> str:
        low, high = interval
        each = "" if instances == 1 else f" by each of {instances} instances"
        if math.isinf(high):
            reason = f"it was not open after {low:.4g} calls{each} to a dependency that failed, limit {self.limit:g}"
            more = "; a longer failure, or more requests in it, would settle it"
            return reason + (more if outcome is Outcome.INCONCLUSIVE else "")
        reason = f"{low:.4g} to {high:.4g} calls{each} had failed when it was open, limit {self.limit:g}"
        if outcome is not Outcome.INCONCLUSIVE:
            return reason
        if high - unanswered / instances <= self.limit:
            told = f"{unanswered:,} of them had no answer, so nobody knows which were tried"
            return f"{reason}; {told}: users that wait for longer than the service does would settle it"
        # A second is the finest that is known: more requests in it make the count coarser, not finer.
        return f"{reason}; fewer requests a second would settle it"


def _missing(measured: BreakerBehaviour, remedy: str) -> str:
    """Why the calls that were tried cannot be counted; empty when they can."""
    if measured.open_before:
        return measured.open_before
    if measured.has_opened and not measured.signature:
        return with_remedy("no answer had the signature of an open breaker, so nobody knows which calls failed", remedy)
    if not measured.has_opened and measured.leak is None:
        unread = measured.unobserved or "its counter was not read twice in the failure"
        return f"it was never seen open, and how many calls reached its dependency is not known: {unread}"
    return ""


def _tried(measured: BreakerBehaviour) -> tuple[float, float, int]:
    """Fewest and most that had failed when the last instance was open, and how many of the most had no answer: of a
    second in which it may have opened nobody knows which of them came before. What fails once it is open has its
    signature, but for half-open probes.
    """
    if not measured.has_opened:
        assert measured.leak is not None
        return measured.leak.calls, math.inf, 0
    opened = measured.opened
    before = [each for each in measured.seconds if each.t < opened.by_s]
    most = sum(each.failed_otherwise for each in before)
    surely = [each for each in before if each.t + 1 <= opened.after_s]
    least = float(sum(each.failed_otherwise - each.unanswered for each in surely))
    if len(measured.instances) > 1:
        least -= sum(math.inf if instance.probes is None else instance.probes for instance in measured.instances)
    return max(0.0, least), float(most), sum(each.unanswered for each in before)
