"""Remaining told: whether answers tell the truth about how many requests are left."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._outcome import against, percent, seconds
from harness.criteria.cache._operations import examples
from harness.criteria.rate_limit._criterion import BUCKET, FIXED, SLIDING, RateLimitCriterion
from harness.criteria.rate_limit._takes import Admissions, by_way_of
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import ADMITTED, Recording


@dataclass(frozen=True)
class RemainingTold(RateLimitCriterion):
    """Answers that tell a wrong number of remaining requests ÷ answers that tell one stay within a limit.

    Under a sliding window, ``allowed`` less what has been admitted within the last ``window_s``, this request among it,
    is left; what was surely and what was possibly admitted bound that. A number outside of the bounds is surely wrong;
    it is surely right where the bounds leave one number. A fixed window or a bucket begins at an instant that nobody
    outside knows, so that only a number that is too small can be told from a right one.
    """

    unit = "ratio"
    title = "wrong numbers of remaining requests"

    limit: float = parameter(0.0, "largest share of wrong numbers that is accepted", highest=1)
    tolerance: int = parameter(0, "by how many requests a number may be wrong")
    algorithm: str = parameter(SLIDING, "how the limit counts", choices=(SLIDING, FIXED, BUCKET))

    def judge(self, recording: Recording) -> Finding:
        keys = self.keys(recording)
        if isinstance(keys, Finding):
            return keys
        told = exact = 0
        by_source: dict[str, list[int]] = {}
        wrong: list[str] = []
        for key in keys:
            admissions, maybe = Admissions(key.admitted), key.maybe_counted
            for take in by_way_of(key.admitted, self.via):
                remaining = take.operation.version
                if take.operation.cache != ADMITTED:
                    continue
                by_source.setdefault(take.operation.source, []).append(remaining is not None)
                if remaining is None:
                    continue
                told += 1
                # With itself, which is among them where it took no time by the clock.
                others = admissions.surely(take.received_s - self.window_s, take.sent_s) - (
                    take.received_s <= take.sent_s
                )
                surely = max(0, others) + 1
                possibly = maybe.possibly(take.sent_s - self.window_s, take.received_s)
                fewest = max(0, self.allowed - possibly)
                most = max(0, self.allowed - surely) if self.algorithm == SLIDING else self.allowed - 1
                exact += fewest == most
                if not fewest - self.tolerance <= remaining <= most + self.tolerance:
                    between = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
                    wrong.append(f"{key.key} at {seconds(take.sent_s)}: {remaining:,} told, {between} were left")
        if not told:
            return self.inconclusive("no answer tells how many requests remain: no RateLimit or X-RateLimit-Remaining")
        figure = len(wrong) / told
        outcome = against(self.limit, (figure, figure))
        reason = f"{len(wrong):,} of {told:,} answers told a number that cannot be, {percent(figure)}"
        reason += f"; limit {percent(self.limit)}, {exact:,} could be checked to the last request"
        if outcome is Outcome.PASS and exact < MIN_EXACT:
            outcome = Outcome.INCONCLUSIVE
            reason += (
                f"; at least {MIN_EXACT} are needed: requests that follow each other, with nothing else under way"
                if self.algorithm == SLIDING
                else ": windows that begin at instants of their own cannot be checked from outside"
            )
        mute = [source for source, each in sorted(by_source.items()) if len(each) >= MIN_EXACT and not any(each)]
        if outcome is Outcome.PASS and mute:
            outcome = Outcome.INCONCLUSIVE
            reason += f"; {', '.join(mute)} never told any, so nobody knows what is left there"
        evidence = {"numbers told": told, "wrong": len(wrong), "checked exactly": exact, **examples(wrong)}
        return self.finding(outcome, reason, figure, (figure, figure), evidence)


MIN_EXACT = 20
"""Answers whose number could be checked to the last request, without which there is no PASS."""
