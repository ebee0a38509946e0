"""Monotonic reads: no session sees an item go back in time."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria.cache import _sessions
from harness.criteria.cache import _staleness as staleness
from harness.findings import Finding
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class MonotonicReads(Criterion):
    """Reads that returned an older version than an earlier read of the same session ÷ reads whose session had read a
    version of the item before, stay within a limit.
    """

    limit: float = parameter(0.0, "largest share of reads that may go back", highest=1)
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def judge(self, recording: Recording) -> Finding:
        remedy = "a session has to read an item again after it was answered with a version of it"
        words = self.name or "monotonic_reads", "monotonic reads", "that the session had read before", remedy
        return _sessions.judge(recording, self.via, self.limit, words, staleness.backward_reads)
