"""Lost invalidations: writes that the cache never heard of."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, seconds
from harness.criteria.cache._invalidations import invalidations
from harness.criteria.cache._operations import Placed, examples, extent, history_of, nothing_read, unless_unwritten
from harness.findings import CLIENTS, Finding
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class LostInvalidations(Criterion):
    """Writes after which the cache still answered with an older version stay within a limit.

    What a cache may do that relies on its time to live alone is accepted with ``grace_limit_s`` = that time + δ. Writes
    that nobody could have seen to be lost are counted apart, see
    :func:`harness.criteria.cache._invalidations.invalidations`.
    """

    title = "lost invalidations"
    unit = "writes"
    evidence = CLIENTS

    limit: float = parameter(0.0, "most writes whose invalidation may be lost")
    grace_limit_s: float = parameter(0.0, "how long after a write the cache may answer with an older version")
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def judge(self, recording: Recording) -> Finding:
        seen = history_of(recording, self.via)
        if reason := nothing_read(recording, seen, self.via):
            return self.inconclusive(reason)
        found = invalidations(seen, self.grace_limit_s)
        if not found.observable and not found.lost:
            return self.inconclusive(
                f"none of {found.writes:,} writes could have shown it: an item has to be read through the cache "
                "before it is written, and again afterwards"
            )
        figure = float(len(found.lost))
        reason = (
            f"after {len(found.lost):,} of {found.writes:,} writes the cache still had an older version "
            f"({found.observable:,} could have shown it); limit {self.limit:g}"
        )
        return self.finding(
            *unless_unwritten(seen, against(self.limit, (figure, figure)), reason),
            figure,
            (figure, figure),
            {
                "lost": len(found.lost),
                "writes with an answer": found.writes,
                "writes that could have shown it": found.observable,
                **extent(seen),
                **examples([_describe(write) for write in found.lost]),
            },
        )


def _describe(write: Placed) -> str:
    return f"{write.operation.key}: version {write.operation.version} at {seconds(write.invoke_s)}"
