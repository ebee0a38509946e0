"""Stale reads: answers that had been replaced before they were asked for."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, percent, seconds
from harness.criteria.cache import _staleness as staleness
from harness.criteria.cache._coherence import examples, extent, nothing_read, read_in_words
from harness.criteria.cache._operations import history_of
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class StaleReads(Criterion):
    """Stale reads ÷ reads that could have been stale stay within a limit.

    Stale: the version returned is older than a write that had returned before the read began; its age is the time
    between these two instants, see :func:`harness.criteria.cache._staleness.stale_reads`. Each one is certain, so the
    figure has no interval; between two nodes, what is younger than the error of their clocks cannot be seen.
    """

    limit: float = parameter(0.0, "largest share of stale reads that is accepted", highest=1)
    age_limit_s: float = parameter(0.0, "reads that are no older than this, in seconds, are not counted as stale")
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def judge(self, recording: Recording) -> Finding:
        criterion = self.name or "stale_reads"
        older = f" by more than {seconds(self.age_limit_s)}" if self.age_limit_s else ""
        title = f"stale reads{older}, by way of {self.via}" if self.via != "*" else f"stale reads{older}"
        seen = history_of(recording, self.via)
        reason = nothing_read(recording, seen, self.via)
        compared = staleness.reads_after_a_write(seen, self.age_limit_s)
        if reason is None and not compared:
            reason = (
                f"none of {seen.reads:,} reads could have been stale: items have to be read after a write of them had "
                f"a good answer{older.replace(' by', ',')}"
            )
        if reason is not None:
            return Finding(criterion, title, Outcome.INCONCLUSIVE, reason, unit="ratio", limit=self.limit)
        stale = staleness.stale_reads(seen, self.age_limit_s)
        figure = len(stale) / compared
        ages_s = sorted(found.age_s for found in stale)
        told = [f"{read_in_words(found.read)}, replaced {seconds(found.age_s)} before" for found in stale]
        reason = f"{len(stale):,} of {compared:,} reads that could have been were stale"
        if stale:
            reason += f", the oldest by {seconds(ages_s[-1])}, {percent(figure)}"
        return Finding(
            criterion,
            title,
            against(self.limit, (figure, figure)),
            f"{reason}; limit {percent(self.limit)}",
            figure=figure,
            unit="ratio",
            limit=self.limit,
            interval=(figure, figure),
            evidence={
                "stale": len(stale),
                **({"median age (s)": ages_s[len(ages_s) // 2], "greatest age (s)": ages_s[-1]} if stale else {}),
                "reads that could have been stale": compared,
                **extent(seen),
                **examples(told),
            },
        )
