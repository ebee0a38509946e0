"""How throughput grows with concurrency. Informs; judges nothing."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria.pool import _levels as levels
from harness.criteria.pool._usl import FEWEST_LEVELS, Fit, Interval, fit
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class Scalability(Criterion):
    """Fits the Universal Scalability Law to the levels of a staircase, see :mod:`harness.criteria.pool._usl`, and
    passes as soon as there is a fit.

    Concurrency is requests under way by Little's law, throughput counts answers that were ok. The figure is the highest
    throughput within the concurrency that was measured: of the law, or of a plain ceiling where that fits better.
    """

    title = "highest throughput by the scalability law (informs)"
    unit = "/s"
    evidence = CLIENTS

    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    settle_s: int = parameter(1, "seconds at the beginning of each level that are left out")
    baseline: str = parameter("baseline", "lowest level")
    spike: str = parameter("spike", "highest level")

    def judge(self, recording: Recording) -> Finding:
        climb = levels.levels(recording, self.requests, self.settle_s, self.baseline, self.spike)
        found = fit([level.concurrency for level in climb], [level.good_per_s for level in climb])
        if found is None:
            return self.inconclusive(
                f"{len(climb)} levels with answers: {FEWEST_LEVELS} are needed for a fit, a staircase has them"
            )
        evidence: dict[str, Scalar] = {
            "γ, throughput of one (/s)": _with_interval(found.law.gamma, found.gamma),
            "σ, contention": _with_interval(found.law.sigma, found.sigma),
            "κ, coherency": _with_interval(found.law.kappa, found.kappa),
            **{level.phase: f"{level.concurrency:.1f} at once, {level.good_per_s:.1f}/s" for level in climb},
        }
        figure, interval = found.best(), found.best_per_s
        if found.ceiling:
            figure, interval = found.ceiling.limit_per_s, found.ceiling.interval_per_s
        return self.finding(Outcome.PASS, _describe_peak(found), figure, interval, evidence)


def _describe_peak(found: Fit) -> str:
    if found.ceiling is not None:
        flat = f"throughput stays at {found.ceiling.limit_per_s:.0f}/s from {found.ceiling.knee:.0f} at once on"
        return f"no peak in range, up to {found.highest:.0f} at once: {flat}, a ceiling that fits better than the law"
    if found.peak is None or found.law.peak is None:
        return f"no peak in range, up to {found.highest:.0f} at once: throughput only levels off"
    where = f"{found.law.peak:.0f} at once ({found.peak[0]:.0f} to {found.peak[1]:.0f})"
    if found.peak_in_range:
        return f"throughput peaks at {where} and falls beyond it"
    return f"throughput would peak at {where}, which is not surely within the {found.highest:.0f} that were measured"


def _with_interval(figure: float, interval: Interval) -> str:
    return f"{figure:.3g} ({interval[0]:.3g} to {interval[1]:.3g})"
