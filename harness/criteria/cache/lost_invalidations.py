"""Lost invalidations: writes that the cache never heard of."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, seconds
from harness.criteria.cache import _staleness as staleness
from harness.criteria.cache._coherence import examples, extent, nothing_read
from harness.criteria.cache._operations import history_of
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class LostInvalidations(Criterion):
    """Writes after which the cache still answered with an older version stay within a limit.

    What a cache may do that relies on its time to live alone is accepted with ``grace_limit_s`` = that time + δ. Writes
    that nobody could have seen to be lost are told apart, see :func:`harness.criteria.cache._staleness.invalidations`.
    """

    limit: float = parameter(0.0, "most writes whose invalidation may be lost")
    grace_limit_s: float = parameter(0.0, "how long after a write the cache may answer with an older version")
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def judge(self, recording: Recording) -> Finding:
        criterion, title = self.name or "lost_invalidations", "lost invalidations"
        seen = history_of(recording, self.via)
        reason = nothing_read(recording, seen, self.via)
        if reason is not None:
            return Finding(criterion, title, Outcome.INCONCLUSIVE, reason, unit="writes", limit=self.limit)
        found = staleness.invalidations(seen, self.grace_limit_s)
        if not found.observable and not found.lost:
            reason = (
                f"none of {found.writes:,} writes could have shown it: an item has to be read through the cache "
                "before it is written, and again afterwards"
            )
            return Finding(criterion, title, Outcome.INCONCLUSIVE, reason, unit="writes", limit=self.limit)
        figure = float(len(found.lost))
        told = [f"{w.operation.key}: version {w.operation.version} at {seconds(w.invoke_s)}" for w in found.lost]
        return Finding(
            criterion,
            title,
            against(self.limit, (figure, figure)),
            f"after {len(found.lost):,} of {found.writes:,} writes the cache still had an older version "
            f"({found.observable:,} could have shown it); limit {self.limit:g}",
            figure=figure,
            unit="writes",
            limit=self.limit,
            interval=(figure, figure),
            evidence={
                "lost": len(found.lost),
                "writes with an answer": found.writes,
                "writes that could have shown it": found.observable,
                **extent(seen),
                **examples(told),
            },
        )
