"""Guard: nobody asked for a connection to a host that load may not go to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.criteria._criterion import Guard
from harness.findings import Finding, Outcome
from harness.recording import Recording

MOST_TOLD = 5


@dataclass(frozen=True)
class ConnectionsAllowed(Guard):
    """Guard: load processes were asked for no connection to a host that nobody has consented to load.

    Such a connection is not made: users followed a redirect to another host, say, or name one in their own code. What
    they wanted there is not known, so what was measured is not what was planned.
    """

    title = "connections to hosts that were not allowed"
    may_guard_nothing = True
    unit = "connections"

    def judge(self, recording: Recording) -> Finding:
        places: Counter[str] = Counter()
        for mark in recording.blocked:
            places[mark.address] += mark.count
        if not places:
            return self.finding(Outcome.PASS, "no connection to another host was asked for", 0)
        told = ", ".join(f"{place} ({count:,})" for place, count in places.most_common(MOST_TOLD))
        more = f" and {len(places) - MOST_TOLD} more" if len(places) > MOST_TOLD else ""
        total = places.total()
        reason = (
            f"{total:,} connections were not made, because nobody has consented to load {told}{more}: if these are "
            "your own systems, give --allow-host HOST; if not, have the users not go there"
        )
        return self.finding(Outcome.INCONCLUSIVE, reason, total, (total, total), dict(places.most_common(20)))
