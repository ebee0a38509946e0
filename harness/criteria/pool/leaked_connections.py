"""Connections that nobody gave back."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import no_phase
from harness.criteria.pool import _levels as levels
from harness.criteria.pool import _sessions as sessions
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Phase, Recording, Scalar

FEWEST = 3
"""Samples of each source. What is out in all of them was not on its way back; in fewer it may have been."""


@dataclass(frozen=True)
class LeakedConnections(Criterion):
    """When the load is gone, no connection of the pool is checked out.

    Needs a phase without any load (``--idle-s``). Leaked is what is out in *every* sample of a process after the first
    ``settle_s`` seconds: a health check takes a connection for a moment, a leak keeps it. Where only PostgreSQL's
    sessions were sampled, those idle in a transaction are leaked, and other leaks cannot be seen.
    """

    limit: int = parameter(0, "largest number of connections that may stay out")
    settle_s: int = parameter(2, "seconds at the beginning of the phase that are left out")
    phase: str = parameter("idle", "phase without load")

    def judge(self, recording: Recording) -> Finding:
        phase = recording.phase(self.phase)
        if phase is None:
            reason = f"{no_phase(recording, self.phase)}: --idle-s 6 watches after the load is gone"
            return self._finding(Outcome.INCONCLUSIVE, reason)
        phase = Phase(phase.name, phase.start_s + self.settle_s, phase.end_s)
        idle = sessions.left_idle(recording, phase, FEWEST)
        evidence: dict[str, Scalar] = {} if idle is None else {"sessions idle in transaction": idle}
        never = levels.unread(recording, -math.inf, math.inf)
        if not any(sample.probe == levels.PROBE and sample.error is None for sample in recording.probes):
            return self._by_sessions(idle, evidence, f"{never} could not be read" if never else levels.NOT_SAMPLED)
        out: dict[str, list[float]] = defaultdict(list)
        for sample in recording.probes:
            if sample.probe == levels.PROBE and sample.error is None and phase.start_s <= sample.t < phase.end_s:
                out[sample.source].append(sample.values[levels.IN_USE])
        silent = sorted(source for source in levels.sources_of(recording) if len(out[source]) < FEWEST)
        leaked = sum(min(values) for values in out.values() if len(values) >= FEWEST)
        evidence |= {f"out at {source}": min(values) for source, values in sorted(out.items()) if values}
        told = f"{leaked:g} connections are still out {self.settle_s} s after the load, limit {self.limit}"
        if leaked > self.limit:
            return self._finding(Outcome.FAIL, told, leaked, evidence)
        if silent:
            unread = levels.unread(recording, phase.start_s, phase.end_s)
            reason = f"fewer than {FEWEST} samples of {', '.join(silent)} in the {self.phase}: "
            reason += f"never read was {unread}" if unread else "--idle-s 6 gives enough"
            return self._finding(Outcome.INCONCLUSIVE, f"{told}; but {reason}", leaked, evidence)
        return self._finding(Outcome.PASS, told, leaked, evidence)

    def _by_sessions(self, idle: float | None, evidence: dict[str, Scalar], why: str) -> Finding:
        if idle is not None and idle > self.limit:
            reason = f"{idle:g} sessions are idle in a transaction after the load, limit {self.limit}"
            return self._finding(Outcome.FAIL, reason, idle, evidence)
        return self._finding(Outcome.INCONCLUSIVE, why, None, evidence)

    def _finding(
        self, outcome: Outcome, reason: str, figure: float | None = None, evidence: dict[str, Scalar] | None = None
    ) -> Finding:
        return Finding(
            criterion=self.name or "leaked_connections",
            title="connections not given back",
            outcome=outcome,
            reason=reason,
            figure=figure,
            unit="connections",
            limit=self.limit,
            interval=None if figure is None else (figure, figure),
            evidence=evidence or {},
        )
