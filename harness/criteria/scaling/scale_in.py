"""Replicas are given back when the load is gone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against, seconds
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._criterion import ElasticityCriterion
from harness.criteria.scaling._elasticity import Elasticity
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class ScaleIn(ElasticityCriterion):
    """After the demand has fallen, there are as few replicas as in the baseline again, soon enough and for good.

    Counted from the last fall of the demand. Kubernetes looks back 300 s before it scales in: a run that ends earlier
    cannot show it, and the finding is INCONCLUSIVE.
    """

    title = "load gone to replicas given back"
    unit = "s"

    limit_s: float = parameter(360.0, "largest time in seconds from the fall of the demand to the baseline's replicas")

    def judge(self, recording: Recording) -> Finding:
        measured = elasticity.measure(recording, self)
        if isinstance(measured, str):
            return self.inconclusive(measured)
        changes = list(measured.demand.changes())
        if not changes:
            reason = "the demand never rose, so there was nothing to give back: a higher peak would show it"
            return self.inconclusive(reason, measured.describe())
        falls = [t for t, before, after in changes if after < before]
        if not falls:
            reason = "the demand never fell, so there was nothing to give back: a longer recovery would show it"
            return self.inconclusive(reason, measured.describe())
        if max(value for _, value in measured.ready.middle.points) <= measured.minimum:
            return self.inconclusive("no replica was added, so none could be given back", measured.describe())
        fall_s, watched_s = falls[-1], measured.ready.middle.end_s - falls[-1]
        earliest, middle, latest = (
            _given_back_s(steps.points, measured.minimum, fall_s)
            for steps in (measured.ready.low, measured.ready.middle, measured.ready.high)
        )
        interval = watched_s if earliest is None else earliest, math.inf if latest is None else latest
        outcome = against(self.limit_s, interval)
        return self.finding(
            outcome,
            self._reason(outcome, interval, watched_s, measured),
            None if latest is None else middle,
            interval,
            measured.describe(),
            censored=latest is None,
        )

    def _reason(self, outcome: Outcome, interval: tuple[float, float], watched_s: float, measured: Elasticity) -> str:
        back, limit = f"back to {measured.minimum} replicas", f"limit {seconds(self.limit_s)}"
        if math.isinf(interval[1]):
            unseen = f"not {back} in the {watched_s:g} s that were watched after the load, {limit}"
            if outcome is Outcome.INCONCLUSIVE:
                unseen += f"; a recovery of more than {self.limit_s:g} s would settle it"
            return unseen
        reason = f"{back} {seconds(interval[0])} to {seconds(interval[1])} after the demand fell, {limit}"
        return f"{reason}: too close to tell between two samples" if outcome is Outcome.INCONCLUSIVE else reason


def _given_back_s(points: tuple[tuple[float, float], ...], minimum: int, fall_s: float) -> float | None:
    """Seconds after the fall until there are no more than ``minimum`` for good; None: not in the run."""
    if points[-1][1] > minimum:
        return None
    above = [i for i, (_, value) in enumerate(points) if value > minimum]
    return max(0.0, points[above[-1] + 1][0] - fall_s) if above else 0.0
