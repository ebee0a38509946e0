"""Regressions: where the figures of runs of one plan changed over their history, and whether the latest runs are worse.

Only runs of the same plan and environment are held against each other, see :func:`harness.comparison.plan.plan_of`.
Changes are found by :mod:`harness.analysis.change_points`, and by how much is the shift between the levels before and
after, see :mod:`harness.analysis.two_samples`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.analysis import change_points, two_samples
from harness.analysis.two_samples import Bounds, middle_of
from harness.comparison import words
from harness.comparison.metric import CONFIDENCE, Margin, Metric, bounds_of, margin_of, metric_of, turned
from harness.family import FAMILY_ERROR
from harness.findings import Basis, Finding, Outcome, Verdict
from harness.history.stored_run import HistoryRun

LONGEST = 100
"""Runs of a plan that are looked at, the latest ones."""
RECENT = 10
"""Runs for which a change is news; from then on its level is the usual one."""
LATEST = two_samples.FEWEST
"""Runs that are held against those before them: single ones differ by chance."""
KIND = "history"


@dataclass(frozen=True)
class Change:
    """A new level of one figure."""

    metric: Metric
    run: HistoryRun
    """The first of the new level."""
    runs_ago: int
    """How many runs, with this figure, have followed it."""
    before: float
    """Median of the level before."""
    shift: float
    """From the level before to the new one; a level whose runs were not seen to end is at least so much higher."""
    interval: Bounds

    @property
    def is_worse(self) -> bool:
        return (self.shift < 0) == self.metric.higher_is_better and self.shift != 0

    def in_words(self) -> str:
        """``p95 latency in the spike +12 % since 3 runs ago, commit abc``."""
        since = "since this run" if not self.runs_ago else f"since {self.runs_ago} run{'s' * (self.runs_ago > 1)} ago"
        version = f"commit {self.run.commit[:12]}" if self.run.commit else self.run.name
        return f"{self.metric.title} {words.change(self.shift, self.before, self.metric.unit)} {since}, {version}"


@dataclass(frozen=True)
class Series:
    """One figure over the runs that have it, the oldest first."""

    metric: Metric
    runs: tuple[HistoryRun, ...]
    findings: tuple[Finding, ...]

    @property
    def bounds(self) -> list[Bounds]:
        return [bounds for each in self.findings if (bounds := bounds_of(each)) is not None]


def of_plan(runs: Sequence[HistoryRun], plan: Mapping[str, str]) -> list[HistoryRun]:
    """Those of the plan that were judged, the latest of them, in their order, each once, whatever copies of it there
    are. One that was stopped or cut off counts only as the last: its figures are of a part.
    """
    found: list[HistoryRun] = []
    for run in runs:
        if run.outcome is not None and run.plan == plan and (run.completed or run is runs[-1]):
            found = [each for each in found if not _is_copy(each, run)]
            found.append(run)
    return found[-LONGEST:]


def _is_copy(run: HistoryRun, other: HistoryRun) -> bool:
    return run.started_utc == other.started_utc and run.findings == _without_evidence(other.findings)


def _without_evidence(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(replace(each, evidence={}, voids=()) for each in findings)


def all_series(runs: Sequence[HistoryRun]) -> list[Series]:
    """Of every figure of the latest run that has any; guards are about the measurement, and none."""
    metrics = dict.fromkeys(metric_of(each) for run in reversed(runs) for each in run.findings if not each.is_guard)
    found = []
    for metric in metrics:
        having = [(run, each) for run in runs if (each := metric.of(run.findings)) and bounds_of(each) is not None]
        if having:
            found.append(Series(metric, *map(tuple, zip(*having, strict=True))))
    return found


def changes(series: Series) -> list[Change]:
    """The oldest first; none that is no larger than what the figures are measured to."""
    bounds = series.bounds
    cuts = change_points.change_points([high for _, high in bounds])
    edges = [0, *cuts, len(bounds)]
    found = [_change(series, edges[n], edges[n + 1], edges[n + 2]) for n in range(len(cuts))]
    resolution = margin_of(series.findings, 0.0).floor
    return [each for each in found if abs(each.shift) > resolution]


def _change(series: Series, begin: int, cut: int, end: int) -> Change:
    before, after = series.bounds[begin:cut], series.bounds[cut:end]
    figure, interval = two_samples.shift(before, after, CONFIDENCE)
    middles = [middle_of(side) for side in (before, after)]
    shift = figure if figure is not None else middles[1] - middles[0]
    return Change(series.metric, series.runs[cut], len(series.runs) - 1 - cut, middles[0], shift, interval)


def notes(runs: Sequence[HistoryRun], run: HistoryRun) -> list[str]:
    """What the report of ``run``, which may have been followed by others, says of changes: those that began with it, or
    not long before it. ``runs`` are all of its plan.
    """
    place = next((place for place, each in enumerate(runs) if each.path == run.path), None)
    if place is None:  # it was made long ago
        return []
    told = []
    for series in all_series(runs):
        ages = {each.path: place - at for at, each in enumerate(runs)}
        found = [replace(each, runs_ago=ages[each.run.path]) for each in changes(series)]
        until_now = [each for each in found if 0 <= each.runs_ago < RECENT]
        if until_now:
            latest = until_now[-1]
            better = "worse" if latest.is_worse else "better"
            told.append(f"History: {latest.in_words()} ({better}; {len(series.runs)} runs of this plan and machine).")
    return told


def judged(runs: Sequence[HistoryRun], ratio: float) -> list[Finding]:
    """One finding for each figure that the last run was judged by: whether the latest runs are worse than those before
    by more than ``ratio``.

    FAIL: a change for the worse began no more than ``RECENT`` runs ago, and the whole interval of its shift is beyond
    the margin; or the latest runs are worse than the others of their level, by Holm's procedure over all figures. PASS:
    the whole interval of the shift from these to the latest is within the margin, and so are all the steps so far that
    were too small to fail. Else INCONCLUSIVE, also where the last run itself has no figure.
    """
    judged_now = {metric_of(each) for each in (runs[-1].findings if runs else ())}
    every = [series for series in all_series(runs) if series.metric in judged_now]
    silent = [series for series in every if series.runs[-1] is not runs[-1]]
    held = [_held(series, ratio) for series in every if series not in silent]
    tested = [each for each in held if each.p is not None]
    together = two_samples.holm([each.p for each in tested if each.p is not None])
    adjusted = {each.series.metric: p for each, p in zip(tested, together, strict=True)}
    return [*(_finding(each, adjusted.get(each.series.metric)) for each in held), *map(_without_figure, silent)]


def _without_figure(series: Series) -> Finding:
    metric, runs = series.metric, len(series.runs)
    reason = f"this run has no such figure, as {runs} before it had; one that has it would tell"
    title = f"{metric.title}, against the history"
    return Finding(f"history_{metric.criterion}", title, Outcome.INCONCLUSIVE, reason, unit=metric.unit, kind=KIND)


@dataclass(frozen=True)
class _Held:
    """A figure's latest runs beside those before them, more being worse."""

    series: Series
    change: Change | None
    """For the worse, recent, and by more than the margin."""
    before: tuple[Bounds, ...]
    latest: tuple[Bounds, ...]
    limit: float
    allowed: str
    shift: float | None
    interval: Bounds
    excess: Bounds
    p: float | None
    """That the latest are as large by chance; None where nothing could be told."""
    crept: str
    """By how much, and since when, if by more than the margin in steps that are each too small to be told."""


def _held(series: Series, ratio: float) -> _Held:
    metric = series.metric
    margin = margin_of(series.findings, ratio)
    found = changes(series)
    level = series.runs.index(found[-1].run) if found else 0
    recent = found[-1] if found and found[-1].is_worse and found[-1].runs_ago < RECENT else None
    bounds = [turned(each, metric) for each in series.bounds]
    if recent is not None:
        begin = series.runs.index(found[-2].run) if len(found) > 1 else 0
        before, latest = bounds[begin:level], bounds[level:]
    else:
        before, latest = bounds[level:-LATEST], bounds[level:][-LATEST:]
    worsened = [(margin.worsened(low), margin.worsened(high)) for low, high in before]
    nothing: Bounds = (-math.inf, math.inf)
    shift, interval = two_samples.shift(before, latest, CONFIDENCE) if before and latest else (None, nothing)
    excess = two_samples.shift(worsened, latest, CONFIDENCE)[1] if before and latest else nothing
    can_tell = before and latest and two_samples.least_chance(before, latest) <= FAMILY_ERROR
    p = two_samples.larger(before, latest) if can_tell and recent is None else None
    middle = middle_of(before)
    limit = margin.at(middle) if math.isfinite(middle) else math.nan
    allowed = words.allowed(ratio, limit, middle, metric.unit)
    crept = _crept(series, found, bounds, margin)
    return _Held(series, recent, tuple(before), tuple(latest), limit, allowed, shift, interval, excess, p, crept)


def _crept(series: Series, found: Sequence[Change], bounds: Sequence[Bounds], margin: Margin) -> str:
    """From the first runs since the last change that could be seen, and is the usual level by now, to the latest ones:
    a figure that grows by one percent a run is never much larger than shortly before.
    """
    places = [series.runs.index(each.run) for each in found if each.runs_ago >= RECENT]
    begin = max([0, *(place for place in places if _is_step(bounds, place, margin))])
    first, latest = bounds[begin:-LATEST][:RECENT], bounds[-LATEST:]
    if not first:
        return ""
    worsened = [(margin.worsened(low), margin.worsened(high)) for low, high in first]
    if two_samples.shift(worsened, latest, CONFIDENCE)[1][0] <= 0:
        return ""
    middles = [middle_of(side) for side in (first, latest)]
    by = words.change(abs(middles[1] - middles[0]), middles[0], series.metric.unit).removeprefix("+")
    return f"but in small steps it has become worse by {by} since {len(series.runs) - begin} runs ago"


def _is_step(bounds: Sequence[Bounds], place: int, margin: Margin) -> bool:
    """Whether the runs shortly before and after differ by as much as is told, and not only those long before and
    after.
    """
    before, after = (middle_of(bounds[max(0, place - LATEST) : place]), middle_of(bounds[place : place + LATEST]))
    return abs(after - before) > margin.at(before)


def _finding(held: _Held, p: float | None) -> Finding:
    metric, sign = held.series.metric, -1 if held.series.metric.higher_is_better else 1
    runs = len(held.series.runs)
    beside = f"the latest {len(held.latest)} runs against {len(held.before)} before them"
    if held.change is not None and held.excess[0] > 0:
        outcome, reason = Outcome.FAIL, f"{held.change.in_words()}: worse by more than {held.allowed}"
    elif held.change is not None:
        outcome = Outcome.INCONCLUSIVE if held.excess[1] > 0 else Outcome.PASS
        more = "more than that or not: further runs will tell" if held.excess[1] > 0 else "no more than that"
        reason = f"{held.change.in_words()}: worse, {held.allowed} may be, {more}"
    elif p is not None and p <= FAMILY_ERROR and held.excess[0] > 0:
        outcome, reason = (
            Outcome.FAIL,
            f"{beside}: worse by more than {held.allowed} (p = {p:.2g}, all figures together)",
        )
    elif held.excess[1] <= 0:
        outcome, reason = Outcome.PASS, f"{beside}: not worse by more than {held.allowed}"
    elif min(len(held.before), len(held.latest)) < LATEST:
        needed = 2 * LATEST
        outcome = Outcome.INCONCLUSIVE
        reason = f"runs of this plan and machine with this figure: {runs}; {needed} of one level would tell"
    else:
        outcome = Outcome.INCONCLUSIVE
        reason = f"{beside}: worse by more than {held.allowed} or not; further runs will tell"
    if held.crept and outcome is Outcome.PASS:
        outcome, reason = Outcome.INCONCLUSIVE, f"{reason}, {held.crept}"
    low, high = held.interval
    return Finding(
        criterion=f"history_{metric.criterion}",
        title=f"{metric.title}, against the history",
        outcome=outcome,
        reason=reason,
        figure=None if held.shift is None else sign * held.shift,
        unit=metric.unit,
        limit=None if math.isnan(held.limit) else sign * held.limit,
        interval=(low, high) if sign > 0 else (-high, -low),
        basis=Basis.ESTIMATE,
        confidence=CONFIDENCE,
        evidence={"runs": runs, "latest": len(held.latest), "before": len(held.before)},
        kind=KIND,
    )


def with_history(verdict: Verdict, findings: Sequence[Finding]) -> Verdict:
    """The verdict of a run, and over it what its history says: the worst of both."""
    if not findings:
        findings = [_no_history()]
    worst = max(findings, key=lambda each: each.outcome.rank)
    every = sorted(findings, key=lambda each: -each.outcome.rank)
    reason, outcome = verdict.reason, verdict.outcome
    if worst.outcome.rank > outcome.rank:
        outcome, reason = worst.outcome, f"{worst.title}: {worst.reason}."
    elif outcome is Outcome.PASS:
        reason = f"{reason} Against the history nothing is worse."
    return replace(verdict, outcome=outcome, reason=reason, findings=(*every, *verdict.findings))


def _no_history() -> Finding:
    reason = "no run of this plan and machine has a figure to compare with; further runs will make a history"
    return Finding("history", "against the history", Outcome.INCONCLUSIVE, reason, kind=KIND)
