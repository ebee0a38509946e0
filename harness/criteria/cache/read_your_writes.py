"""Read your writes: a session sees what it has written, or something newer."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria.cache import _sessions
from harness.criteria.cache import _staleness as staleness
from harness.findings import Finding
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class ReadYourWrites(Criterion):
    """Reads that returned an older version than the same session had written ÷ reads whose session had written the
    item before, stay within a limit.
    """

    limit: float = parameter(0.0, "largest share of reads that may miss their session's own write", highest=1)
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def judge(self, recording: Recording) -> Finding:
        remedy = "a session has to read an item after its own write of it had a good answer"
        words = self.name or "read_your_writes", "read your writes", "that the session had written before", remedy
        return _sessions.judge(recording, self.via, self.limit, words, staleness.own_writes_missed)
