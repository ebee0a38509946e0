"""From which load on the connection pool is full. Informs; judges nothing."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import percent, seconds
from harness.criteria.pool import _levels as levels
from harness.criteria.pool._levels import Level
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording, Scalar


@dataclass(frozen=True)
class PoolSaturation(Criterion):
    """Tells at how many requests at once the pool is the limit. A pool may be full: what that does to the requests is
    judged by the other criteria, so this one passes as soon as it has a figure.

    The figure is the knee, see :func:`harness.criteria.pool._levels.knee`; saturated is a level
    with more than ``use_ratio`` in use and a longer wait than at any level below.
    """

    use_ratio: float = parameter(0.9, "share in use from which on a pool with a growing queue is saturated", highest=1)
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    settle_s: int = parameter(1, "seconds at the beginning of each level that are left out")
    baseline: str = parameter("baseline", "lowest level")
    spike: str = parameter("spike", "highest level")

    def judge(self, recording: Recording) -> Finding:
        if not levels.sources_of(recording):
            return self._finding(Outcome.INCONCLUSIVE, levels.NOT_SAMPLED)
        climb = levels.levels(recording, self.requests, self.settle_s, self.baseline, self.spike)
        if len(climb) < 2:
            return self._finding(Outcome.INCONCLUSIVE, "fewer than two levels with requests: a staircase has them")
        lowest, highest = recording.phase(climb[0].phase), recording.phase(climb[-1].phase)
        if lowest and highest and (unread := levels.unread(recording, lowest.start_s, highest.end_s)):
            reason = f"{unread} was never read from {lowest.name} to {highest.name}: what it holds is not known"
            return self._finding(Outcome.INCONCLUSIVE, reason)
        knee = levels.knee(climb)
        if knee is None:
            reason = f"nothing tells for how long a connection is held: the users have to observe {levels.HELD!r}"
            return self._finding(Outcome.INCONCLUSIVE, reason)
        full = levels.saturated(climb, self.use_ratio)
        fullest = max(climb, key=lambda level: level.use_ratio or 0.0)
        if full:
            first = full[0]
            told = f"saturated from {first.phase} on ({first.concurrency:.0f} at once): "
            told += f"{percent(first.use_ratio or 0)} in use, {seconds(first.wait_s or 0)} of waiting"
        else:
            told = f"never saturated: at most {percent(fullest.use_ratio or 0)} in use, in {fullest.phase}"
        best = max(climb, key=lambda level: level.good_per_s)
        told += f"; {best.good_per_s:.0f} requests/s of the {best.capacity_per_s or 0:.0f} that the pool can serve"
        return self._finding(Outcome.PASS, told, knee, {level.phase: _row(level) for level in climb})

    def _finding(
        self, outcome: Outcome, reason: str, figure: float | None = None, evidence: dict[str, Scalar] | None = None
    ) -> Finding:
        name, title = self.name or "pool_saturation", "requests at once that the pool serves without a queue (informs)"
        return Finding(name, title, outcome, reason, figure, "requests", evidence=evidence or {})


def _row(level: Level) -> str:
    """One level in words."""
    told = [f"{level.concurrency:.1f} at once", f"{level.good_per_s:.1f}/s"]
    if level.use_ratio is not None and level.size:
        told.append(f"{level.use_ratio * level.size:.1f} of {level.size:.0f} connections in use")
    if level.busy is not None:
        told.append(f"{level.busy:.1f} by Little's law")
    if level.wait_s is not None:
        told.append(f"wait {seconds(level.wait_s)}")
    if level.held_s is not None:
        told.append(f"held {seconds(level.held_s)}")
    if level.waiting is not None:
        told.append(f"{level.waiting:.1f} waiting")
    return ", ".join(told)
