"""Retry-After: whether one who waits exactly as long as he was told is admitted."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._outcome import against, percent
from harness.criteria.rate_limit._criterion import RateLimitCriterion
from harness.criteria.rate_limit._takes import by_way_of, keys_of, nothing_taken
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import ADMITTED, REFUSED, Recording


@dataclass(frozen=True)
class RetryAfter(RateLimitCriterion):
    """Refused again ÷ requests sent exactly as late as a refusal's ``Retry-After`` said stay within a limit.

    Only a key that nobody else uses can be judged: of many who wait for one place, all but one are refused rightly.
    RFC 9110 §10.2.3 counts in whole seconds, so that the wait may be up to one second longer than needed.
    """

    unit = "ratio"
    title = "refused again after Retry-After"

    limit: float = parameter(0.0, "largest share of tries that may be refused again", highest=1)
    via: str = parameter("retry", "the way of the requests that waited, * for anything")
    tries: int = parameter(10, "tries without which there is no PASS", lowest=1)

    def judge(self, recording: Recording) -> Finding:
        keys = keys_of(recording, self.away)
        if reason := nothing_taken(recording, keys, self.via):
            return self.inconclusive(f"{reason}; nobody was refused with a Retry-After, or there was no time to wait")
        tries = [take.operation for key in keys for take in by_way_of(key.takes, self.via)]
        answered = [each for each in tries if each.cache in (ADMITTED, REFUSED)]
        again = sum(each.cache == REFUSED for each in answered)
        if not answered:
            return self.inconclusive(f"none of {len(tries):,} tries was admitted or refused: look for its error")
        figure = again / len(answered)
        outcome = against(self.limit, (figure, figure))
        reason = f"{again:,} of {len(answered):,} requests that waited as told were refused again, {percent(figure)}"
        reason += f"; limit {percent(self.limit)}"
        if outcome is Outcome.PASS and len(answered) < self.tries:
            outcome = Outcome.INCONCLUSIVE
            reason += f"; at least {self.tries} tries are needed: a longer run, or more keys of their own"
        evidence = {"tries": len(tries), "refused again": again, "neither": len(tries) - len(answered)}
        return self.finding(outcome, reason, figure, (figure, figure), evidence)
