"""Hit ratio: how much of the reading the cache takes off the origin."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import intervals
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import percent
from harness.criteria.cache._coherence import nothing_read
from harness.criteria.cache._operations import history_of
from harness.criteria.cache._stampede import cache_use
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class HitRatio(Criterion):
    """Hits ÷ (hits + misses) reach a limit. Reads past the cache (``bypass``) count as neither.

    The interval is Clopper–Pearson's. The reads of one item hang together, so it is a little too narrow.
    """

    lower_limit: float = parameter(0.5, "smallest share of hits that is accepted", highest=1)
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def judge(self, recording: Recording) -> Finding:
        criterion, title = self.name or "hit_ratio", "hit ratio of the cache"
        seen = history_of(recording, self.via)
        reason = nothing_read(recording, seen, self.via)
        use = cache_use(seen)
        asked = use.hits + use.misses
        if reason is None and not asked:
            reason = "no answer says what the cache did: let the service send X-Cache: hit or miss"
        if reason is not None:
            return Finding(criterion, title, Outcome.INCONCLUSIVE, reason, unit="ratio", limit=self.lower_limit)
        low, high = interval = intervals.clopper_pearson(use.hits, asked)
        outcome = Outcome.PASS if low >= self.lower_limit else Outcome.INCONCLUSIVE
        reason = f"{use.hits:,} of {asked:,} reads hit, {percent(low)} to {percent(high)} with 95 % confidence"
        reason += f"; at least {percent(self.lower_limit)} wanted"
        if high < self.lower_limit:
            outcome = Outcome.FAIL
        elif outcome is Outcome.INCONCLUSIVE:
            reason += "; more reads would settle it"
        evidence = {"hits": use.hits, "misses": use.misses, "past the cache": use.other, "loads": use.loads}
        return Finding(
            criterion,
            title,
            outcome,
            reason,
            figure=use.hits / asked,
            unit="ratio",
            limit=self.lower_limit,
            interval=interval,
            evidence=evidence,
        )
