"""Connections that nobody gave back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, no_phase, with_remedy
from harness.criteria.pool import _levels as levels
from harness.criteria.pool import _sessions as sessions
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import Scalar

FEWEST = 3
"""Samples of each source. What is out in all of them was not on its way back; in fewer it may have been."""


@dataclass(frozen=True)
class LeakedConnections(Criterion):
    """When the load is gone, no more connections of the pool are checked out than were before it.

    Needs a phase without any load at the end of the run. Leaked is what is out in *every* sample of a process after
    the first ``settle_s`` seconds (a health check takes a connection for a moment, a leak keeps it), less what was out
    in every sample of the baseline, but for what its load held: a listener's connection is permanent, and no leak.
    Where only PostgreSQL's sessions were sampled, those idle in a transaction are leaked, and other leaks cannot be
    seen.
    """

    title = "connections not given back"
    unit = "connections"
    evidence = TARGET

    limit: int = parameter(0, "largest number of connections that may stay out")
    settle_s: int = parameter(2, "seconds at the beginning of the phase that are left out")
    phase: str = parameter("idle", "phase without load")
    baseline: str = parameter("baseline", "phase that shows which connections are out all the time")
    remedy: str = parameter("", "what to say when the pool was not sampled")

    def judge(self, recording: Recording) -> Finding:
        phase = recording.phase(self.phase)
        if phase is None:
            return self.inconclusive(f"{no_phase(recording, self.phase)}: {self._phase_needed()} would show it")
        phase = Phase(phase.name, phase.start_s + self.settle_s, phase.end_s)
        idle = sessions.left_idle(recording, phase, FEWEST)
        evidence: dict[str, Scalar] = {} if idle is None else {"sessions idle in transaction": idle}
        if not any(map(levels.tells_use, recording.probes)):
            return self._judge_sessions(recording, idle, evidence)
        baseline = recording.phase(self.baseline)
        permanent = levels.permanent(recording, baseline) if baseline is not None else {}
        sampled = levels.in_use(recording, phase.start_s, phase.end_s)
        out = {source: min(values) for source, values in sorted(sampled.items()) if len(values) >= FEWEST}
        silent = sorted(source for source in levels.sources_of(recording) if source not in out)
        every = {source: permanent.get(source, (0.0, math.inf)) for source in out}
        known = sum(max(0.0, count - every[source][1]) for source, count in out.items())
        leaked = sum(max(0.0, count - every[source][0]) for source, count in out.items())
        before = {source: most for source, (_, most) in permanent.items() if most}
        evidence |= {f"out at {source}": count for source, count in out.items()}
        evidence |= {f"of these out all the time at {source}": count for source, count in before.items()}
        reason = f"{leaked:g} connections are still out {self.settle_s} s after the load, limit {self.limit}"
        if before and known < leaked:
            reason += f", or {known:g} beyond the {sum(before.values()):g} that were out before it"
        elif before:
            reason += f", beyond the {sum(before.values()):g} that were out before it"
        outcome = against(self.limit, (known, leaked))
        if outcome is Outcome.INCONCLUSIVE:
            reason += f"; how many of them are out all the time is not known, {self._would_tell(out, permanent)}"
        if silent and outcome is Outcome.PASS:
            outcome = Outcome.INCONCLUSIVE
            unread = levels.unread(recording, phase.start_s, phase.end_s)
            reason += f"; but fewer than {FEWEST} samples of {', '.join(silent)} in the {self.phase}: "
            reason += f"never read was {unread}" if unread else f"{self._phase_needed()} gives enough"
        if outcome is Outcome.PASS and (doubt := levels.contradiction(recording)):
            outcome, reason = Outcome.INCONCLUSIVE, f"{reason}; but {doubt}"
        return self.finding(outcome, reason, leaked, (known, leaked), evidence)

    def _would_tell(self, out: Mapping[str, float], permanent: Mapping[str, tuple[float, float]]) -> str:
        if unknown := ", ".join(source for source in out if source not in permanent):
            remedy = "a process that is there from then on would show it"
            return f"as {unknown} was not read in the {self.baseline}: {remedy}"
        remedy = "a look at the pool before any load, or answers that tell for how long one is held, would show it"
        return f"as those of the {self.baseline} may be its load's: {remedy}"

    def _phase_needed(self) -> str:
        return f"a phase of {self.settle_s + FEWEST + 1} s without load at the end"

    def _judge_sessions(self, recording: Recording, idle: float | None, evidence: dict[str, Scalar]) -> Finding:
        """Where nothing tells of the pool itself: that none is idle in a transaction proves nothing."""
        if idle is not None and idle > self.limit:
            reason = f"{idle:g} sessions are idle in a transaction after the load, limit {self.limit}"
            return self.finding(Outcome.FAIL, reason, idle, (idle, idle), evidence)
        never = levels.unread(recording, -math.inf, math.inf)
        reason = f"{never} could not be read" if never else with_remedy(levels.NOT_SAMPLED, self.remedy)
        return self.inconclusive(reason, evidence)
