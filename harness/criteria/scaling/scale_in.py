"""Replicas are given back when the load is gone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, seconds
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._elastic import about
from harness.criteria.scaling._elasticity import Elasticity
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class ScaleIn(Criterion):
    """After the demand has fallen, there are as few replicas as in the baseline again, soon enough and for good.

    Counted from the last fall of the demand. Kubernetes looks back 300 s before it scales in: a run that ends earlier
    cannot show it, and the finding is INCONCLUSIVE.
    """

    limit_s: float = parameter(360.0, "largest time in seconds from the fall of the demand to the baseline's replicas")
    capacity_per_s: float = parameter(0.0, "starts per second that one replica takes; 0: as the run's option says")
    baseline: str = parameter("baseline", "phase before the load rises")

    def judge(self, recording: Recording) -> Finding:
        measured = elasticity.measure(recording, self.baseline, self.capacity_per_s)
        if isinstance(measured, str):
            return self._finding(Outcome.INCONCLUSIVE, measured)
        falls = [t for t, before, after in measured.demand.changes() if after < before]
        if not falls:
            reason = "the demand never fell, so there was nothing to give back: a longer --recovery-s would show it"
            return self._finding(Outcome.INCONCLUSIVE, reason, measured)
        if max(value for _, value in measured.ready.middle.points) <= measured.minimum:
            return self._finding(Outcome.INCONCLUSIVE, "no replica was added, so none could be given back", measured)
        fall_s, watched_s = falls[-1], measured.ready.middle.end_s - falls[-1]
        earliest, middle, latest = (
            _back_s(steps.points, measured.minimum, fall_s)
            for steps in (measured.ready.low, measured.ready.middle, measured.ready.high)
        )
        interval = watched_s if earliest is None else earliest, math.inf if latest is None else latest
        outcome = against(self.limit_s, interval)
        reason = self._reason(outcome, interval, watched_s, measured)
        return self._finding(outcome, reason, measured, None if latest is None else middle, interval)

    def _reason(self, outcome: Outcome, interval: tuple[float, float], watched_s: float, measured: Elasticity) -> str:
        back, limit = f"back to {measured.minimum} replicas", f"limit {seconds(self.limit_s)}"
        if math.isinf(interval[1]):
            told = f"not {back} in the {watched_s:g} s that were watched after the load, {limit}"
            if outcome is Outcome.INCONCLUSIVE:
                told += f"; a recovery of more than {self.limit_s:g} s would settle it"
            return told
        told = f"{back} {seconds(interval[0])} to {seconds(interval[1])} after the demand fell, {limit}"
        return f"{told}: too close to tell between two samples" if outcome is Outcome.INCONCLUSIVE else told

    def _finding(
        self,
        outcome: Outcome,
        reason: str,
        measured: Elasticity | None = None,
        figure_s: float | None = None,
        interval_s: tuple[float, float] | None = None,
    ) -> Finding:
        return Finding(
            criterion=self.name or "scale_in",
            title="load gone to replicas given back",
            outcome=outcome,
            reason=reason,
            figure=figure_s,
            unit="s",
            limit=self.limit_s,
            interval=interval_s,
            evidence=about(measured) if measured else {},
        )


def _back_s(points: tuple[tuple[float, float], ...], minimum: int, fall_s: float) -> float | None:
    """Seconds after the fall until there are no more than ``minimum`` for good; None: not in the run."""
    if points[-1][1] > minimum:
        return None
    above = [i for i, (_, value) in enumerate(points) if value > minimum]
    return max(0.0, points[above[-1] + 1][0] - fall_s) if above else 0.0
