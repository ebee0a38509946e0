"""From which load on the connection pool is full. Informs; judges nothing."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import percent, seconds, with_remedy
from harness.criteria.pool import _levels as levels
from harness.criteria.pool._levels import Level
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class PoolSaturation(Criterion):
    """Tells at how many requests at once the pool is the limit. A pool may be full: what that does to the requests is
    judged by the other criteria, so this one passes as soon as it has a figure.

    The figure is the knee, see :func:`harness.criteria.pool._levels.knee`; saturated is a level
    with more than ``use_ratio`` in use and a longer wait than at any level below.
    """

    title = "requests at once that the pool serves without a queue (informs)"
    unit = "requests"
    evidence = CLIENTS

    use_ratio: float = parameter(0.9, "share in use from which on a pool with a growing queue is saturated", highest=1)
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    settle_s: int = parameter(1, "seconds at the beginning of each level that are left out")
    baseline: str = parameter("baseline", "lowest level")
    spike: str = parameter("spike", "highest level")
    remedy: str = parameter("", "what to say when the pool was not sampled")

    def judge(self, recording: Recording) -> Finding:
        if not levels.sources_of(recording):
            return self.inconclusive(with_remedy(levels.NOT_SAMPLED, self.remedy))
        climb = levels.levels(recording, self.requests, self.settle_s, self.baseline, self.spike)
        if len(climb) < 2:
            return self.inconclusive("fewer than two levels with requests: a staircase has them")
        lowest, highest = recording.phase(climb[0].phase), recording.phase(climb[-1].phase)
        if lowest and highest and (unread := levels.unread(recording, lowest.start_s, highest.end_s)):
            return self.inconclusive(
                f"{unread} was never read from {lowest.name} to {highest.name}: what it holds is not known"
            )
        knee = levels.knee(climb)
        if knee is None:
            return self.inconclusive(
                f"nothing tells for how long a connection is held: the users have to observe {levels.HELD!r}"
            )
        evidence: dict[str, Scalar] = {level.phase: _describe(level) for level in climb}
        if doubt := levels.contradiction(recording):
            return self.inconclusive(doubt, evidence)
        return self.finding(Outcome.PASS, self._reason(climb), knee, evidence=evidence)

    def _reason(self, climb: tuple[Level, ...]) -> str:
        best = max(climb, key=lambda level: level.good_per_s)
        served = f"{best.good_per_s:.0f} requests/s"
        if best.capacity_per_s is not None:
            served += f" of the {best.capacity_per_s:.0f} that the pool can serve"
        full = levels.saturated(climb, self.use_ratio)
        if not full:
            known = [(level.use_ratio, level.phase) for level in climb if level.use_ratio is not None]
            if not known:
                return f"how much of it was in use is not known, as its size was not always told; {served}"
            most, phase = max(known, key=lambda each: each[0])
            return f"never saturated: at most {percent(most)} in use, in {phase}; {served}"
        first = full[0]
        use = f"{percent(first.use_ratio or 0)} in use, {seconds(first.wait_s or 0)} of waiting"
        return f"saturated from {first.phase} on ({first.concurrency:.0f} at once): {use}; {served}"


def _describe(level: Level) -> str:
    parts = [f"{level.concurrency:.1f} at once", f"{level.good_per_s:.1f}/s"]
    if level.use_ratio is not None and level.size:
        parts.append(f"{level.use_ratio * level.size:.1f} of {level.size:.0f} connections in use")
    if level.busy is not None:
        parts.append(f"{level.busy:.1f} by Little's law")
    if level.wait_s is not None:
        parts.append(f"wait {seconds(level.wait_s)}")
    if level.held_s is not None:
        parts.append(f"held {seconds(level.held_s)}")
    if level.waiting is not None:
        parts.append(f"{level.waiting:.1f} waiting")
    return ", ".join(parts)
