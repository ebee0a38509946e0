"""Monotonic reads: no session sees an item go back in time."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria.cache._coherence import SessionGuarantee, SessionReads, backward_reads
from harness.criteria.cache._operations import History


@dataclass(frozen=True)
class MonotonicReads(SessionGuarantee):
    """Reads that returned an older version than an earlier read of the same session ÷ reads whose session had read a
    version of the item before, stay within a limit.
    """

    title = "reads older than an earlier read of the session"
    known = "that the session had read before"
    remedy = "a session has to read an item again after it was answered with a version of it"

    def compare(self, history: History) -> SessionReads:
        return backward_reads(history)
