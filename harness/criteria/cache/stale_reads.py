"""Stale reads: answers that had been replaced before they were asked for."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, percent, seconds
from harness.criteria.cache import _coherence as coherence
from harness.criteria.cache._operations import (
    describe_read,
    examples,
    extent,
    history_of,
    nothing_read,
    unless_unwritten,
)
from harness.findings import CLIENTS, Finding
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class StaleReads(Criterion):
    """Stale reads ÷ reads that could have been stale stay within a limit.

    Stale: the version returned is older than a write that had returned before the read began; its age is the time
    between these two instants, see :func:`harness.criteria.cache._coherence.stale_reads`. Each one is certain, so the
    figure has no interval; between two nodes, what is younger than the error of their clocks cannot be seen.
    """

    unit = "ratio"
    evidence = CLIENTS

    limit: float = parameter(0.0, "largest share of stale reads that is accepted", highest=1)
    age_limit_s: float = parameter(0.0, "reads that are no older than this, in seconds, are not counted as stale")
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def judge(self, recording: Recording) -> Finding:
        older = f" by more than {seconds(self.age_limit_s)}" if self.age_limit_s else ""
        title = f"stale reads{older}" + (f", by way of {self.via}" if self.via != "*" else "")
        seen = history_of(recording, self.via)
        if reason := nothing_read(recording, seen, self.via):
            return self.inconclusive(reason, title=title)
        compared = coherence.reads_after_a_write(seen, self.age_limit_s)
        if not compared:
            reason = (
                f"none of {seen.reads:,} reads could have been stale: items have to be read after a write of them had "
                f"a good answer{older.replace(' by', ',')}"
            )
            return self.inconclusive(reason, title=title)
        stale = coherence.stale_reads(seen, self.age_limit_s)
        figure = len(stale) / compared
        ages_s = sorted(found.age_s for found in stale)
        reason = f"{len(stale):,} of {compared:,} reads that could have been were stale"
        if stale:
            reason += f", the oldest by {seconds(ages_s[-1])}, {percent(figure)}"
        return self.finding(
            *unless_unwritten(seen, against(self.limit, (figure, figure)), f"{reason}; limit {percent(self.limit)}"),
            figure,
            (figure, figure),
            {
                "stale": len(stale),
                **({"median age (s)": ages_s[len(ages_s) // 2], "greatest age (s)": ages_s[-1]} if stale else {}),
                "reads that could have been stale": compared,
                **extent(seen),
                **examples([f"{describe_read(each.read)}, replaced {seconds(each.age_s)} before" for each in stale]),
            },
            title=title,
        )
