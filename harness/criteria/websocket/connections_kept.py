"""Connections that the target, or something on the way, ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis import phases
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, most_common_cause, percent
from harness.criteria._seen import Seen, after
from harness.criteria.websocket import _connections as connections
from harness.findings import CLIENTS, Finding
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class ConnectionsKept(Criterion):
    """Connections that ended without the client's wish ÷ connections opened stays within a limit.

    What ends in the phase ``drop`` was dropped as planned and does not count, unless more end than were there to be
    dropped: those who were back were dropped again. All connections are counted, none is inferred from others, so the
    figure has no uncertainty.
    """

    title = "connections lost"
    unit = "ratio"
    evidence = CLIENTS

    limit: float = parameter(0.01, "largest share of connections that may end without our asking", highest=1)
    connections: str = parameter("*", "only connections of this name, * for anything")
    drop: str = parameter("drop", "phase in which connections are dropped as planned; empty for none")

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        yield from after(recording, 0, f"{phases.OF_CONNECTIONS}{self.connections} *")

    def judge(self, recording: Recording) -> Finding:
        opened = connections.opened(recording, self.connections)
        if not opened:
            return self.inconclusive("no connection was ever open, so none could be kept")
        drop = recording.phase(self.drop)
        causes = dict(connections.lost(recording, drop, self.connections))
        if drop is not None and (again := connections.dropped_again(recording, drop, self.connections)):
            causes = dict(Counter({**causes, connections.AGAIN: again}).most_common())
        lost = sum(causes.values())
        ratio = lost / opened
        reason = f"{lost:,} of {opened:,} connections ended without our asking"
        if causes:
            reason += f", {most_common_cause(causes)}"
        if drop is not None:
            reason += f", those of the phase {self.drop} aside"
        return self.finding(
            against(self.limit, (ratio, ratio)),
            f"{reason}; limit {percent(self.limit)}",
            ratio,
            (ratio, ratio),
            {"opened": opened, "lost": lost, **causes},
        )
