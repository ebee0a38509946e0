"""Two runs, or two groups of runs: one verdict over all figures.

Two single runs can be compared only by what is an estimate over requests: another run of the same version may differ by
more, and of a herd or a recovery each run has one observation. See :mod:`harness.comparison.groups` for more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from harness import criteria as criteria_folder
from harness.analysis import intervals, phases, quantile_shift, tallies, two_samples
from harness.analysis.two_samples import FEWEST, Bounds
from harness.comparison import by_name, groups, words
from harness.comparison.by_name import Judged
from harness.comparison.metric import (
    CONFIDENCE,
    KIND,
    Margin,
    Metric,
    bounds_of,
    made,
    margin_of,
    metric_of,
    metrics,
    turned,
)
from harness.comparison.plan import differences, plan_of
from harness.criteria._criterion import Criterion
from harness.errors import ConfigurationError
from harness.family import FAMILY_ERROR
from harness.findings import ERROR_RATIO, LATENCY_QUANTILE, Basis, Finding, Outcome, Verdict, objections
from harness.recording import Recording
from harness.recording.header import CriterionSpec


def compared(first: Sequence[Judged], second: Sequence[Judged], ratio: float, notes: Sequence[str] = ()) -> Verdict:
    """The verdict on the second: FAIL where any figure is worse by more than ``ratio``, PASS where none is."""
    verdicts = [[verdict for _, verdict in group] for group in (first, second)]
    if len(first) == len(second) == 1:
        findings = _two_runs(first[0], second[0], ratio)
        notes = (*notes, "One run each: what differs from run to run is not in it; four against four would show it.")
    else:
        findings = groups.compared(verdicts[0], verdicts[1], ratio)
    if findings:
        findings += by_name.compared(first, second, partial(_alone, ratio))
        findings += _of_guards(verdicts[0], verdicts[1])
    findings.sort(key=lambda each: -each.outcome.rank)
    return Verdict(*_whole(findings), tuple(findings), tuple(notes))


def _alone(ratio: float, first: Sequence[Judged], second: Sequence[Judged], number: int) -> list[Finding]:
    """Each figure by itself. Of two runs with the confidence that so many together need; of groups without, as no four
    against four could have it: what comes of it fails nothing.
    """
    if len(first) == len(second) == 1:
        confidence = 1 - (1 - CONFIDENCE) / number
        of_any = metrics([first[0][1], second[0][1]])
        return [_of_two(metric, first[0], second[0], ratio, confidence) for metric in of_any]
    verdicts = [[verdict for _, verdict in group] for group in (first, second)]
    return groups.compared(verdicts[0], verdicts[1], ratio, alone=True)


def plan_differences(recordings: Sequence[Recording]) -> list[str]:
    """How the plans and the environments of the others differ from the first; nothing where all can be compared."""
    first = plan_of(recordings[0].header)
    return list(dict.fromkeys(line for each in recordings[1:] for line in differences(first, plan_of(each.header))))


def _whole(findings: Sequence[Finding]) -> tuple[Outcome, str]:
    if not findings:
        return Outcome.INCONCLUSIVE, "There is no figure to compare: the runs have no criteria about the target."
    worst = findings[0]
    if worst.outcome is Outcome.PASS:
        return Outcome.PASS, f"Nothing is worse: all {len(findings)} figures keep their margin."
    same = sum(each.outcome is worst.outcome for each in findings)
    more = f" ({same - 1} more {worst.outcome.value})" if same > 1 else ""
    return worst.outcome, f"{worst.title}: {worst.reason}{more}."


def _two_runs(first: Judged, second: Judged, ratio: float) -> list[Finding]:
    """As with findings together: each estimate decides with a tail of 2.5 % ÷ their number, so that chance makes any of
    them FAIL in no more than 5 %.
    """
    every = metrics([first[1], second[1]])
    estimates = sum(
        all(found is not None and found.basis is Basis.ESTIMATE for found in _both(metric, first, second))
        for metric in every
    )
    confidence = 1 - (1 - CONFIDENCE) / max(1, estimates)
    return [_of_two(metric, first, second, ratio, confidence) for metric in every]


def _both(metric: Metric, first: Judged, second: Judged) -> tuple[Finding | None, Finding | None]:
    return metric.of(first[1].findings), metric.of(second[1].findings)


def _lacking(finding: Finding) -> str:
    """Why it has no figure to compare. Of one that a guard has voided: which, and not what it would have been."""
    return finding.reason.partition(" (had been ")[0] if finding.voided_by else finding.reason


def _of_two(metric: Metric, first: Judged, second: Judged, ratio: float, confidence: float) -> Finding:
    before, after = _both(metric, first, second)
    sides = bounds_of(before), bounds_of(after)
    if before is None or after is None or sides[0] is None or sides[1] is None:
        lacking = [word for word, side in zip(("first", "second"), sides, strict=True) if side is None]
        told = next((_lacking(each) for each in (before, after) if each is not None and bounds_of(each) is None), "")
        missing = f"the {lacking[0]} has no" if len(lacking) == 1 else "neither has a"
        reason = f"{missing} figure to compare" + (f": {told}" if told else "")
        return made(metric, Outcome.INCONCLUSIVE, reason)
    seen = f"{words.bounds(sides[0], metric.unit)} in the first, {words.bounds(sides[1], metric.unit)} in the second"
    shift = sides[1][1] - sides[0][1] if all(map(math.isfinite, (sides[0][1], sides[1][1]))) else None
    if shift is not None:
        seen += f", {words.change(shift, sides[0][1], metric.unit)}"
    margin = margin_of((before, after), ratio)
    limit = margin.at(sides[0][1]) if math.isfinite(sides[0][1]) else None
    shown = None if limit is None else -limit if metric.higher_is_better else limit
    if before.basis is not Basis.ESTIMATE or after.basis is not Basis.ESTIMATE:
        reason = f"{seen}; one run each is one observation each, {FEWEST} against {FEWEST} would tell"
        return made(metric, Outcome.INCONCLUSIVE, reason, shift, None, shown, basis=Basis.MEASURED)
    if only := _only(metric, first) or _only(metric, second):
        reason = f"{seen}; {only}; {FEWEST} against {FEWEST} would tell"
        return made(metric, Outcome.INCONCLUSIVE, reason, shift, None, shown, basis=Basis.MEASURED)
    draws = _draws(metric, first, second)
    interval = _interval(metric, first, second, Margin(0.0), CONFIDENCE, draws)
    excess = _interval(metric, first, second, margin, confidence, draws)
    allowed = words.allowed(ratio, limit, sides[0][1], metric.unit)
    if excess[0] > 0:
        outcome, told = Outcome.FAIL, f"worse by more than {allowed}"
    elif excess[1] <= 0:
        outcome, told = Outcome.PASS, f"not worse by more than {allowed}"
    else:
        return made(
            metric,
            Outcome.INCONCLUSIVE,
            f"{seen}; worse by more than {allowed} or not: more requests, or a longer phase, would tell",
            shift,
            interval,
            shown,
        )
    return made(metric, outcome, f"{seen}; {told}, as far as the requests of two runs tell", shift, interval, shown)


def _draws(metric: Metric, first: Judged, second: Judged) -> quantile_shift.Draws | None:
    """Of a latency quantile; of anything else the runs' own intervals are all there is."""
    if metric.kind != LATENCY_QUANTILE:
        return None
    q = float(getattr(_criterion(metric, first[0]), "quantile", 0.95))
    return quantile_shift.draws(_seconds(metric, first[0]), _seconds(metric, second[0]), q)


def _interval(
    metric: Metric, first: Judged, second: Judged, margin: Margin, confidence: float, draws: quantile_shift.Draws | None
) -> Bounds:
    """Of the second less the first made worse by the margin, more being worse where there is one; else as it is."""
    before, after = (_at(metric, each, confidence) for each in (first, second))
    assert before.interval is not None and after.interval is not None
    is_turned = metric.higher_is_better and margin.ratio > 0
    turn = (lambda of: turned(of, metric)) if is_turned else (lambda of: of)
    figures = [turn(bounds_of(each) or (math.nan, math.nan))[1] for each in (before, after)]
    sides = [turn(each.interval) for each in (before, after)]
    worsened = tuple(margin.worsened(end) for end in sides[0])
    wide = quantile_shift.from_intervals(margin.worsened(figures[0]), (worsened[0], worsened[1]), figures[1], sides[1])
    if any(map(math.isnan, wide)):
        wide = (-math.inf, math.inf)
    if draws is None:
        return wide
    low, high = draws.interval(confidence, Margin(margin.ratio, margin.floor * 1e6).worsened)
    return min(wide[0], low / 1e6), max(wide[1], high / 1e6)


def _at(metric: Metric, judged: Judged, confidence: float) -> Finding:
    """The finding with an interval of this confidence."""
    recording, verdict = judged
    found = metric.of(verdict.findings)
    assert found is not None
    if found.confidence == confidence:
        return found
    spec = _spec(metric, recording)
    stricter = CriterionSpec(spec.criterion, {**spec.parameters, "confidence": confidence})
    again = criteria_folder.load(stricter).judge(recording)
    return again if again.interval is not None and metric_of(again).title == metric.title else found


def _only(metric: Metric, judged: Judged) -> str:
    """Why the requests of this run say nothing of others; empty where they do. What is too rare for any single run to
    have met is what differs from run to run, and said of all that two runs tell.
    """
    criterion = _criterion(metric, judged[0])
    if metric.kind == LATENCY_QUANTILE:
        q = float(getattr(criterion, "quantile", 0.95))
        found = intervals.latency_quantile_us(_seconds(metric, judged[0]), q)
    elif metric.kind == ERROR_RATIO:
        found = intervals.error_ratio(_seconds(metric, judged[0]))
    else:
        return ""
    return "" if found.is_sample else found.only


def _seconds(metric: Metric, recording: Recording) -> tuple[tallies.Tally, ...]:
    criterion = _criterion(metric, recording)
    judged = phases.judged(recording, str(getattr(criterion, "requests", "")))
    phase = judged.phase(str(getattr(criterion, "phase", "spike")))
    assert phase is not None  # there is a figure of it
    return phases.by_second(judged, phase)


def _spec(metric: Metric, recording: Recording) -> CriterionSpec:
    specs = {criteria_folder.name_of(spec): spec for spec in recording.header.criteria}
    return specs.get(metric.criterion, CriterionSpec(metric.kind))


def _criterion(metric: Metric, recording: Recording) -> Criterion | None:
    try:
        return criteria_folder.load(_spec(metric, recording))
    except ConfigurationError:
        return None


def _of_guards(first: Sequence[Verdict], second: Sequence[Verdict]) -> list[Finding]:
    """One finding for each guard that objects in any run. FAIL where it failed in so many more runs of the second that
    chance would hardly have it so (one-sided, exact); else INCONCLUSIVE.
    """
    found = {each[0].criterion: each for each in objections([*first, *second], criteria_folder.is_about_target)}
    return [_of_guard(each, first, second) for each in found.values()]


def _of_guard(found: Sequence[Finding], first: Sequence[Verdict], second: Sequence[Verdict]) -> Finding:
    worst = max(found, key=lambda each: each.outcome.rank)
    sides = [[_fails(verdict, worst.criterion) for verdict in group] for group in (first, second)]
    counts = [sum(any(each in verdict.findings for each in found) for verdict in group) for group in (first, second)]
    p = two_samples.larger(*([(float(fails), float(fails)) for fails in side] for side in sides))
    is_worse = worst.outcome is Outcome.FAIL and p <= FAMILY_ERROR
    reason = f"in {counts[0]} of {len(first)} runs in the first and {counts[1]} of {len(second)} in the second"
    reason += f": {worst.reason}"
    if not is_worse:
        reason += "; runs without that would tell"
    outcome = Outcome.FAIL if is_worse else Outcome.INCONCLUSIVE
    return Finding(worst.criterion, worst.title, outcome, reason, kind=KIND)


def _fails(verdict: Verdict, criterion: str) -> bool:
    return any(each.criterion == criterion and each.outcome is Outcome.FAIL for each in verdict.findings)
