"""A figure that runs are compared by, and how much worse it may become."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness import criteria as criteria_folder
from harness.analysis.two_samples import Bounds
from harness.errors import ConfigurationError
from harness.findings import Basis, Finding, Outcome, Verdict

CONFIDENCE = 0.95
KIND = "comparison"
OF_LIMIT = ("ratio", "bytes", "MB")
"""Units of figures that are often near zero, where a share of the figure itself would be next to nothing."""


@dataclass(frozen=True)
class Metric:
    """A finding about the target, as it is called in every run."""

    criterion: str
    kind: str
    title: str
    unit: str

    @property
    def higher_is_better(self) -> bool:
        """Where its criterion sets a lower limit."""
        try:
            return is_least(self.kind)
        except ConfigurationError:  # of a version that had other criteria
            return False

    def of(self, findings: Iterable[Finding]) -> Finding | None:
        return next((each for each in findings if metric_of(each) == self), None)


def is_least(kind: str) -> bool:
    """Whether the limit of such a criterion is the least that is accepted, and not the most."""
    return any(each.name.startswith("lower_limit") for each in criteria_folder.parameters(kind))


def metric_of(finding: Finding) -> Metric:
    return Metric(finding.criterion, finding.kind, finding.title, finding.unit)


def metrics(verdicts: Iterable[Verdict]) -> list[Metric]:
    """Those of any of them, in the order of the first; guards are about the measurement, and none."""
    found = (each for verdict in verdicts for each in verdict.findings if not each.is_guard)
    return list(dict.fromkeys(metric_of(each) for each in found))


def bounds_of(finding: Finding | None) -> Bounds | None:
    """Between what a run's figure lies: it itself, twice; from where the watching ended to infinity; infinity twice
    where too many requests failed for it to have a bound. None where there is no figure, or a guard voids it.
    """
    if finding is None or finding.voided_by is not None:
        return None
    if finding.censored and finding.interval is not None:
        return finding.interval[0], math.inf
    if finding.figure is not None and not math.isnan(finding.figure):
        return finding.figure, finding.figure
    if finding.interval is not None and finding.interval[0] == math.inf:
        return math.inf, math.inf
    return None


@dataclass(frozen=True)
class Margin:
    """How much worse a figure may be: a share of itself, and at least so much."""

    ratio: float
    floor: float = 0.0

    def worsened(self, value: float) -> float:
        """By the margin, upwards."""
        return value + max(self.ratio * abs(value), self.floor) if math.isfinite(value) else value

    def at(self, value: float) -> float:
        return max(self.ratio * abs(value), self.floor)


def margin_of(findings: Sequence[Finding], ratio: float) -> Margin:
    """No finer than the figures are measured, as a recovery is to a window; of a figure that is often near zero, the
    same share of its limit. Both as they are in most of the runs: one that could hardly be measured, or had a limit
    that was none, lets no other become worse.
    """
    measured = [each.interval for each in findings if each.basis is Basis.MEASURED and each.interval is not None]
    widths = [(high - low) / 2 for low, high in measured if math.isfinite(high - low)]
    limits = [abs(each.limit) for each in findings if each.limit is not None and each.unit in OF_LIMIT]
    usual = [statistics.median_low(of) for of in (widths, [ratio * limit for limit in limits]) if of]
    return Margin(ratio, max([*usual, 0.0]))


def turned(bounds: Bounds, metric: Metric) -> Bounds:
    """So that more is worse."""
    return (-bounds[1], -bounds[0]) if metric.higher_is_better else bounds


def made(
    metric: Metric,
    outcome: Outcome,
    reason: str,
    figure: float | None = None,
    interval: Bounds | None = None,
    limit: float | None = None,
    *,
    basis: Basis = Basis.ESTIMATE,
    confidence: float | None = None,
    evidence: Mapping[str, int | float] | None = None,
) -> Finding:
    """The finding of a comparison; ``confidence`` is that of the interval, where there is one."""
    if basis is Basis.ESTIMATE and interval is not None:
        confidence = CONFIDENCE
    return Finding(
        metric.criterion,
        metric.title,
        outcome,
        reason,
        figure,
        metric.unit,
        limit,
        interval,
        basis,
        confidence,
        evidence or {},
        KIND,
    )
