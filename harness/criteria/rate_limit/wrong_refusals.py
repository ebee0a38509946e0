"""Wrong refusals: requests that were refused although the limit had room for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.phases import ALL_SHED
from harness.criteria._outcome import against, percent, seconds
from harness.criteria._seen import Seen, after
from harness.criteria.cache._operations import examples
from harness.criteria.rate_limit._criterion import RateLimitCriterion
from harness.criteria.rate_limit._takes import Admissions, by_way_of
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class WrongRefusals(RateLimitCriterion):
    """Refusals without reason ÷ refusals stay within a limit.

    However the limit counts, it may refuse a request only when it has admitted ``allowed`` within the last
    ``window_s``; ``tolerance`` is how much of that may be missing. Surely without reason: not even what was possibly
    admitted is enough. Surely with reason: what was surely admitted is. What lies between makes the interval.
    """

    unit = "ratio"
    title = "refused although the rate limit had room"

    limit: float = parameter(0.01, "largest share of refusals without reason that is accepted", highest=1)
    tolerance: float = parameter(0.05, "share of the limit that may be left when it begins to refuse", highest=1)

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """Whoever was turned away was refused, and whether that had a reason is judged in all phases."""
        yield from (each._replace(only=ALL_SHED) for each in after(recording, 0, ""))

    def judge(self, recording: Recording) -> Finding:
        keys = self.keys(recording)
        if isinstance(keys, Finding):
            return keys
        enough = self.allowed * (1 - self.tolerance)
        refused = wrong = doubtful = 0
        told: list[str] = []
        for key in keys:
            admissions, maybe = Admissions(key.admitted), key.maybe_counted
            for take in by_way_of(key.refused, self.via):
                refused += 1
                possibly = maybe.possibly(take.sent_s - self.window_s, take.received_s)
                if possibly < enough:
                    wrong += 1
                    told.append(f"{key.key} at {seconds(take.sent_s)}: at most {possibly:,} were admitted before")
                elif admissions.surely(take.received_s - self.window_s, take.sent_s) < enough:
                    doubtful += 1
        low, high = interval = wrong / refused, (wrong + doubtful) / refused
        outcome = against(self.limit, interval)
        reason = (
            f"{wrong:,} of {refused:,} refusals had no reason ({self.promise} allowed), "
            f"{percent(low)} to {percent(high)}, limit {percent(self.limit)}"
        )
        if outcome is Outcome.INCONCLUSIVE:
            reason += f"; of {doubtful:,} the instants that clients see do not tell: answers that come sooner would"
        evidence = {"refused": refused, "without reason": wrong, "cannot be told": doubtful, **examples(told)}
        return self.finding(outcome, reason, low, interval, evidence)
