"""The connection pool after the load is as it was before."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.analysis.distributions import student_quantile
from harness.analysis.effective_size import MOST_PERSISTENT, SIGNIFICANT, lasting
from harness.analysis.intervals import CONFIDENCE
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, no_phase, percent, with_remedy
from harness.criteria.pool import _levels as levels
from harness.criteria.pool._relapses import LONGER, relapse
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import Scalar

FEWEST = 4
"""Samples before and after: fewer say nothing about how samples scatter."""


@dataclass(frozen=True)
class PoolStable(Criterion):
    """Nobody waits for a connection any more, and no more of the pool is in use than in the baseline.

    Compares the last ``tail_s`` seconds of the recovery. The interval of the difference is Welch's, since use scatters
    with the requests that happen to be under way, as of fewer samples where neighbours are alike. A queue in some of
    these samples only is neither gone nor there. There is no PASS where the pool was so full, before and after, that a
    use beyond the limit had no room in it, where it had been given back and was taken again before these seconds, nor
    where the metric is not that of the pool which the load was on.
    """

    title = "pool use beyond the baseline's"
    unit = "ratio"
    evidence = TARGET

    limit: float = parameter(0.15, "largest share of the pool that may be in use beyond the baseline's", highest=1)
    tail_s: int = parameter(10, "seconds at the end of the recovery that are compared", lowest=4)
    baseline: str = parameter("baseline", "phase that shows what is normal")
    recovery: str = parameter("recovery", "phase whose end is compared")
    remedy: str = parameter("", "what to say when the pool was not sampled")

    def judge(self, recording: Recording) -> Finding:
        baseline, recovery = recording.phase(self.baseline), recording.phase(self.recovery)
        if baseline is None or recovery is None:
            return self.inconclusive(no_phase(recording, self.recovery if baseline else self.baseline))
        if not levels.sources_of(recording):
            return self.inconclusive(with_remedy(levels.NOT_SAMPLED, self.remedy))
        tail = Phase(recovery.name, max(recovery.start_s, recovery.end_s - self.tail_s), recovery.end_s)
        before, after = levels.instants(recording, baseline), levels.instants(recording, tail)
        if min(len(before), len(after)) < FEWEST:
            seen = f"{len(before)} samples of the whole pool before and {len(after)} after"
            why = "a process went away, or the phases are too short"
            for part in (tail, baseline):
                if unread := levels.unread(recording, part.start_s, part.end_s):
                    why = f"{unread} was never read in the {part.name}"
            return self.inconclusive(f"{seen}, {FEWEST} needed: {why}")
        if any(instant.size is None for instant in (*before, *after)):
            missing = "the size of the pool was not sampled, or not of every process"
            return self.inconclusive(f"{missing}, so nobody knows how full it is: name the metric that tells it")
        if not all(instant.size for instant in (*before, *after)):
            return self.inconclusive("the pool has a size of 0 in some samples: name the metric that tells its size")
        was, is_now = ([instant.use_ratio for instant in instants] for instants in (before, after))
        excess, interval = _difference(was, is_now)
        used = f"{percent(statistics.fmean(is_now))} of the pool in use after, {percent(statistics.fmean(was))} before"
        evidence: dict[str, Scalar] = {"samples before": len(before), "samples after": len(after)}
        outcome = against(self.limit, interval)
        reason = f"{used}, limit {percent(self.limit)} more"
        if outcome is Outcome.INCONCLUSIVE:
            low, high = map(percent, interval)
            reason += f"; {low} to {high} more are possible, longer phases would tell, with a larger tail_s"
        if outcome is Outcome.PASS and min(map(statistics.fmean, (was, is_now))) + self.limit > 1:
            outcome = Outcome.INCONCLUSIVE
            reason += (
                ": so full a pool has no room for more, and shows nothing; a lower baseline, or a larger pool, would"
            )
        queues = [instant.waiting for instant in after if instant.waiting is not None]
        waiting = sum(queue > 0 for queue in queues)
        if queues:
            evidence["waiting at the end, mean"] = statistics.fmean(queues)
        if waiting:
            lasting = waiting * 2 > len(queues)
            queue_outcome = Outcome.FAIL if lasting else Outcome.INCONCLUSIVE
            reason += f"; somebody waited for a connection in {waiting} of the last {len(queues)} samples"
            reason += "" if lasting else ": a longer recovery would tell whether the queue goes away"
            outcome = max(outcome, queue_outcome, key=lambda each: each.rank)
        again = relapse(before, levels.instants(recording, recovery), statistics.fmean(was), self.limit)
        if outcome is Outcome.PASS and again is not None:
            reason += f"; but {again.words}"
            if again.is_over:
                reason += "; since then it stays given back, for more than "
                reason += f"{LONGER} times as long as it ever was so, or taken"
            else:
                outcome = Outcome.INCONCLUSIVE
                reason += ": a recovery at the end of which it stays given back for "
                reason += f"{again.return_needed} samples would settle it"
        if outcome is Outcome.PASS and (doubt := levels.contradiction(recording)):
            outcome, reason = Outcome.INCONCLUSIVE, f"{reason}; but {doubt}"
        return self.finding(outcome, reason, excess, interval, evidence)


def _difference(before: list[float], after: list[float]) -> tuple[float, tuple[float, float]]:
    """Mean of ``after`` − mean of ``before``, with Welch's interval (B. L. Welch, 1947). Where neighbouring samples are
    alike it is as of fewer, n(1 − r)/(1 + r) of an AR(1) process; the tail is then too short to show how far they go,
    and scatters by no less than the baseline.
    """
    excess = statistics.fmean(after) - statistics.fmean(before)
    alike = _persistence((before, after))
    variances = [statistics.variance(values) for values in (before, after)]
    if alike:
        variances[1] = max(variances)
    sizes = [len(values) / lasting(alike) for values in (before, after)]
    parts = [variance / size for variance, size in zip(variances, sizes, strict=True)]
    spread = sum(parts)
    if spread == 0:
        return excess, (excess, excess)
    freedom = spread**2 / sum(part**2 / max(1.0, size - 1) for part, size in zip(parts, sizes, strict=True))
    margin = student_quantile((1 + CONFIDENCE) / 2, max(1.0, freedom)) * math.sqrt(spread)
    return excess, (excess - margin, excess + margin)


def _persistence(stretches: Sequence[Sequence[float]]) -> float:
    """The correlation of neighbouring samples around the mean of each stretch, freed from its bias (Marriott & Pope
    1954); 0 where chance explains it.
    """
    together = square = pairs = 0.0
    for values in stretches:
        mean = statistics.fmean(values)
        apart = [value - mean for value in values]
        together += sum(earlier * later for earlier, later in pairwise(apart))
        square += sum(each * each for each in apart)
        pairs += len(values)
    seen = together / square if square else 0.0
    return min(MOST_PERSISTENT, seen + (1 + 4 * seen) / pairs) if seen > SIGNIFICANT / math.sqrt(pairs) else 0.0
