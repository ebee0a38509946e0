"""Shed ratio of a phase: how many requests the service turned away on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.analysis import herd, intervals, phases, tallies
from harness.criteria._criterion import Estimate
from harness.criteria._outcome import against, no_phase, percent
from harness.criteria._seen import Seen, in_phase
from harness.findings import CLIENTS, Basis, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import SHED, SHED_WITHOUT_DELAY


@dataclass(frozen=True)
class ShedRatio(Estimate):
    """Requests that were turned away with a status declared for that ÷ intended requests stay within a limit.

    Where it judges a run, what was shed is no failure, and no answer either: error ratio and latency are those of the
    other requests. The interval is that of an error ratio. Quality, and with it recovery, count what was shed as not
    answered. ``Retry-After`` is that of RFC 9110, section 10.2.3.
    """

    unit = "ratio"
    evidence = CLIENTS

    limit: float = parameter(0.5, "largest share of requests that the service may turn away", highest=1)
    phase: str = parameter("spike", "phase that is judged")
    needs_retry_after: bool = parameter(False, "whether each of them has to say for how long, with Retry-After")

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """A limit of 100 % shows none: it is kept by a service that turns everybody away."""
        if self.limit < 1:
            yield from (each._replace(only=phases.ALL_SHED) for each in in_phase(recording, self.phase, ""))

    def judge(self, recording: Recording) -> Finding:
        title = f"shed requests in the {self.phase}"
        phase = recording.phase(self.phase)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.phase), title=title)
        seconds = phases.by_second(recording, phase)
        intended = sum(second.intended for second in seconds)
        if not intended:
            return self.inconclusive(f"no requests in the {self.phase}, so there is nothing to judge", title=title)
        counts = {cause: sum(second.causes.get(cause, 0) for second in seconds) for cause in (SHED, SHED_WITHOUT_DELAY)}
        shed = sum(counts.values())
        as_failed = [replace(each, ok=each.intended - _shed(each)) for each in seconds]
        is_herd = herd.is_herd(recording, phase)
        found = intervals.error_ratio(as_failed, self.confidence)
        interval, only = (herd.error_ratio(as_failed), "") if is_herd else (found.interval, found.only)
        outcome = against(self.limit, interval)
        of_what = "requests of this herd" if is_herd else "requests"
        reason = f"{shed:,} of {intended:,} {of_what} were turned away, limit {percent(self.limit)}"
        reason += f" ({only})" if only else ""
        unsaid = counts[SHED_WITHOUT_DELAY]
        if unsaid:
            reason += f"; {unsaid:,} of them without a valid Retry-After"
            outcome = Outcome.FAIL if self.needs_retry_after else outcome
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; more requests or a longer phase would settle it"
        basis = Basis.CENSUS if is_herd else Basis.ESTIMATE
        evidence = {"requests": intended, "with Retry-After": counts[SHED], "without Retry-After": unsaid}
        return self.finding(outcome, reason, shed / intended, interval, evidence, title=title, basis=basis)


def _shed(second: tallies.Tally) -> int:
    return second.causes.get(SHED, 0) + second.causes.get(SHED_WITHOUT_DELAY, 0)
