"""Several runs against several: one figure a run, so that what differs from run to run is part of the evidence.

For each metric two things are asked, see :mod:`harness.analysis.two_samples`. Is the second group larger at all: a rank
sum or log-rank test, by Holm's procedure over all metrics that could show it (those that are the same in all runs could
not, Tarone 1990), so that runs of one version FAIL by chance in at most 5 %. And is it still larger when the first is
made worse by the margin: the 95 % interval of the shift that is left. FAIL takes both. PASS, not worse, takes the whole
of that interval at or below zero, and the figures of more than half of the runs in each group: those that a guard voids
may be the worst. All else is INCONCLUSIVE.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis import two_samples
from harness.analysis.two_samples import FEWEST, Bounds, is_censored, middle_of
from harness.comparison import words
from harness.comparison.metric import CONFIDENCE, Margin, Metric, bounds_of, made, margin_of, metrics, turned
from harness.family import FAMILY_ERROR
from harness.findings import Finding, Outcome, Verdict


@dataclass(frozen=True)
class _Compared:
    """One metric of both groups, more being worse, the first worsened by the margin."""

    metric: Metric
    first: tuple[Bounds, ...]
    second: tuple[Bounds, ...]
    margin: Margin
    limit: float | None

    @property
    def is_enough(self) -> bool:
        return min(len(self.first), len(self.second)) >= FEWEST

    @property
    def worsened(self) -> list[Bounds]:
        return [(self.margin.worsened(low), self.margin.worsened(high)) for low, high in self.first]

    @property
    def can_fail(self) -> bool:
        """Whether any way to tell the runs into two groups would be significant by itself."""
        return two_samples.least_chance(self.first, self.second) <= FAMILY_ERROR

    @property
    def p(self) -> float:
        return two_samples.larger(self.first, self.second)


def compared(
    first: Sequence[Verdict], second: Sequence[Verdict], ratio: float, *, alone: bool = False
) -> list[Finding]:
    """One finding a metric: figure and interval are the shift from the first group to the second, the limit what it may
    be. ``ratio`` is the share by which a figure may become worse. With ``alone`` each is judged as if it were the only
    one.
    """
    every = [_gather(metric, first, second, ratio) for metric in metrics([*first, *second])]
    tested = [each for each in every if each.is_enough and each.can_fail]
    chances = [each.p for each in tested]
    p_of = dict(zip([each.metric for each in tested], chances if alone else two_samples.holm(chances), strict=True))
    tests = 1 if alone else len(tested)
    return [_finding(each, p_of.get(each.metric), tests, len(first), len(second)) for each in every]


def _gather(metric: Metric, first: Sequence[Verdict], second: Sequence[Verdict], ratio: float) -> _Compared:
    found = [[each for verdict in group if (each := metric.of(verdict.findings))] for group in (first, second)]
    usable = [[(each, bounds) for each in group if (bounds := bounds_of(each)) is not None] for group in found]
    margin = margin_of([each for group in usable for each, _ in group], ratio)
    sides = [tuple(turned(bounds, metric) for _, bounds in group) for group in usable]
    middle = middle_of(sides[0])
    limit = margin.at(middle) if math.isfinite(middle) else None
    return _Compared(metric, sides[0], sides[1], margin, limit)


def _finding(each: _Compared, p: float | None, tests: int, runs_first: int, runs_second: int) -> Finding:
    metric, sign = each.metric, -1 if each.metric.higher_is_better else 1
    counts = {"runs in the first": len(each.first), "runs in the second": len(each.second)}
    if not each.is_enough:
        reason = (
            f"{len(each.first)} of {runs_first} runs in the first and {len(each.second)} of {runs_second} in the "
            f"second have this figure, and no guard against it; {FEWEST} against {FEWEST} would tell"
        )
        return made(metric, Outcome.INCONCLUSIVE, reason, confidence=CONFIDENCE, evidence=counts)
    figure, interval = two_samples.shift(each.first, each.second, CONFIDENCE)
    _, excess = two_samples.shift(each.worsened, each.second, CONFIDENCE)
    censored = sum(map(is_censored, (*each.first, *each.second)))
    test = "log-rank" if censored else "Mann–Whitney"
    if p is not None and p <= FAMILY_ERROR and excess[0] > 0:
        outcome = Outcome.FAIL
    else:
        outcome = Outcome.PASS if excess[1] <= 0 else Outcome.INCONCLUSIVE
    few = next(
        (
            f"only {len(side)} of {runs} runs in the {name} have this figure, and no guard against it; more than half"
            for side, runs, name in ((each.first, runs_first, "first"), (each.second, runs_second, "second"))
            if 2 * len(side) <= runs
        ),
        "",
    )
    if few and outcome is Outcome.PASS:
        return made(metric, Outcome.INCONCLUSIVE, f"{few} would tell", confidence=CONFIDENCE, evidence=counts)
    middles = [middle_of(side) for side in (each.first, each.second)]
    reason = f"median {words.figure(sign * middles[0], metric.unit)} in the first, "
    reason += f"{words.figure(sign * middles[1], metric.unit)} in the second"
    if figure is not None:
        reason += f", {words.change(sign * figure, sign * middles[0], metric.unit)}"
    if censored:
        reason += f"; {censored} of {len(each.first) + len(each.second)} runs were not seen to recover"
    reason += f"; {_decided(outcome, each, p, tests, test, excess)}"
    low, high = interval
    return made(
        metric,
        outcome,
        reason,
        None if figure is None else sign * figure,
        (low, high) if sign > 0 else (-high, -low),
        None if each.limit is None else sign * each.limit,
        evidence={**counts, **({} if p is None else {f"p ({test}, Holm over {tests})": round(p, 4)})},
    )


def _decided(outcome: Outcome, each: _Compared, p: float | None, tests: int, test: str, excess: Bounds) -> str:
    allowed = words.allowed(each.margin.ratio, each.limit, middle_of(each.first), each.metric.unit)
    if outcome is Outcome.FAIL:
        beside = f"{tests} figures together" if tests > 1 else "by itself"
        return f"worse by more than {allowed} (p = {p:.2g} by {test}, {beside})"
    if outcome is Outcome.PASS:
        return f"not worse by more than {allowed}, with {CONFIDENCE * 100:g} % confidence"
    if excess[0] > 0:
        needed = two_samples.fewest_for(tests, FAMILY_ERROR)
        return (
            f"by itself worse by more than {allowed}, but of {tests} figures one may be so by chance (p = {p or 1:.2g} "
            f"by {test}, all together); at least {needed} runs against {needed} would tell"
        )
    return f"it may be worse by more than {allowed} or not; more runs would tell"
