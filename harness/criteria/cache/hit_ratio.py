"""Hit ratio: how much of the reading the cache takes off the origin."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import intervals
from harness.criteria._criterion import Estimate
from harness.criteria._outcome import percent
from harness.criteria.cache._stampede import cache_use_of
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class HitRatio(Estimate):
    """Hits ÷ (hits + misses) reach a limit. Reads past the cache (``bypass``) count as neither.

    The interval is that of an error ratio, with a miss as a failure: an expiry, or a cache that starts empty, makes
    reads of the same seconds miss together. See :func:`harness.analysis.intervals.share_of`.
    """

    title = "hit ratio of the cache"
    unit = "ratio"
    evidence = CLIENTS

    lower_limit: float = parameter(0.5, "smallest share of hits that is accepted", highest=1)
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def judge(self, recording: Recording) -> Finding:
        use = cache_use_of(recording, self.via)
        if isinstance(use, str):
            return self.inconclusive(use)
        asked = use.hits + use.misses
        misses, reads = zip(*use.misses_by_second, strict=True)
        found = intervals.share_of(misses, reads, self.confidence, called="misses")
        low, high = interval = 1 - found.high, 1 - found.low
        outcome = Outcome.PASS if low >= self.lower_limit else Outcome.INCONCLUSIVE
        reason = f"{use.hits:,} of {asked:,} reads hit, {percent(low)} to {percent(high)} with"
        reason += f" {percent(self.confidence)} confidence; at least {percent(self.lower_limit)} wanted"
        if high < self.lower_limit:
            outcome = Outcome.FAIL
        elif outcome is Outcome.INCONCLUSIVE:
            reason += "; more reads, or a longer run, would settle it"
        reason += f" ({found.only})" if found.only else ""
        evidence = {"hits": use.hits, "misses": use.misses, "past the cache": use.other, "loads": use.loads}
        return self.finding(outcome, reason, use.hits / asked, interval, evidence)
