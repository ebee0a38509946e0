"""Read your writes: a session sees what it has written, or something newer."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria.cache._coherence import SessionGuarantee, SessionReads, own_writes_missed
from harness.criteria.cache._operations import History
from harness.plugins import parameter


@dataclass(frozen=True)
class ReadYourWrites(SessionGuarantee):
    """Reads that returned an older version than the same session had written ÷ reads whose session had written the
    item before, stay within a limit.
    """

    title = "reads older than an earlier write of the session"
    known = "that the session had written before"
    remedy = "a session has to read an item after its own write of it had a good answer"

    limit: float = parameter(0.0, "largest share of reads that may miss their session's own write", highest=1)

    def compare(self, history: History) -> SessionReads:
        return own_writes_missed(history)
