"""Runs of one plan, repeated: what is the same in all of them, and between which bounds the next one lies.

One herd is one observation, whatever it counts. So a figure is taken once from each run, and runs are independent:

- *Recovery*: median over the runs by Kaplan and Meier (1958); one that was not seen to recover is censored.
- *Error ratio*: failed ÷ requests over all runs, with the t-interval, of its logit, of a ratio whose clusters are the
  runs (Cochran, *Sampling Techniques*, 1977, chapter 9).
- *Any other figure*, a herd's p95 among them: median over the runs.

The interval of a median is that of order statistics, free of any distribution; below five runs it is unbounded. What
kept its limit in k of n runs does so, with 95 % confidence, in at least the share of Clopper and Pearson's lower bound:
0.05^(1/n) where it did in all (for a quantile, the tolerance bound of the largest figure seen).

PASS: in all runs. FAIL: in all, or the whole interval is beyond the limit. Otherwise INCONCLUSIVE. A run in which a
guard voided the finding is left out of it, and a PASS needs more than half of the runs. One whose evidence did not
reach is not left out: it is part of the mixture. Nor is one for nothing that the target itself has made void: it was
down before the load, let nobody get ready, failed in the baseline, or turned its users away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.analysis.distributions import student_quantile
from harness.analysis.intervals import CONFIDENCE, clopper_pearson, quantile_ranks
from harness.analysis.lazy import stats
from harness.criteria import is_about_target
from harness.findings import ERROR_RATIO, RECOVERY_TIME, Basis, Finding, Outcome, Verdict, objections

Interval = tuple[float, float]
MOST_LOG_ODDS = 300.0
"""Beyond it the share may be anything, and an exponential would overflow."""


def pooled(verdicts: Sequence[Verdict], planned: int) -> Verdict:
    """One verdict over those of the runs that left one, of so many that were planned."""
    findings = [
        *(_pool(found, planned) for found in _by_criterion(verdicts)),
        *(_of_guard(found) for found in objections(verdicts, is_about_target)),
    ]
    findings.sort(key=lambda finding: (finding.is_guard, -finding.outcome.rank))
    missing = planned - len(verdicts)
    early = any(verdict.stopped_early for verdict in verdicts)
    if not findings or missing:
        reason = f"{missing} of {planned} runs left no verdict" if missing else "nothing was judged"
        findings.append(
            Finding("runs", "verdicts of the runs", Outcome.INCONCLUSIVE, reason, kind="runs", is_guard=True)
        )
    worst = max(findings, key=lambda finding: finding.outcome.rank)
    if worst.outcome is Outcome.PASS:
        judged = [int(finding.evidence["judged"] or 0) for finding in findings if not finding.is_guard]
        runs = f"{planned} runs" if min(judged) == planned else f"{min(judged)} of {planned} runs"
        least = "at least " if min(judged) < max(judged) else ""
        return Verdict(Outcome.PASS, f"All {len(judged)} criteria hold in {least}{runs}.", tuple(findings))
    said = "STOPPED EARLY, no verdict of all runs. " if early else ""
    return Verdict(worst.outcome, f"{said}{worst.title}: {worst.reason}.", tuple(findings), stopped_early=early)


def _by_criterion(verdicts: Sequence[Verdict]) -> list[list[Finding]]:
    """The findings about the target, of each criterion one a run."""
    found: dict[str, list[Finding]] = {}
    for verdict in verdicts:
        for finding in verdict.findings:
            if not finding.is_guard:
                found.setdefault(finding.criterion, []).append(finding)
    return list(found.values())


def _of_guard(found: Sequence[Finding]) -> Finding:
    worst = max(found, key=lambda finding: finding.outcome.rank)
    reason = f"in {len(found)} of the runs, the first of them: {found[0].reason}"
    return Finding(worst.criterion, worst.title, worst.outcome, reason, kind=worst.kind, is_guard=True)


def _pool(found: Sequence[Finding], planned: int) -> Finding:
    first = found[0]
    judged = [finding for finding in found if finding.voided_by is None]
    figure, interval, words = _figure(judged)
    kept = sum(finding.outcome is Outcome.PASS for finding in judged)
    outcome = _outcome(judged, interval, planned)
    reason = f"kept in {kept} of {len(judged)} runs"
    if judged:
        surely = clopper_pearson(kept, len(judged), 2 * CONFIDENCE - 1)[0]
        reason += f", so with 95 % confidence in at least {surely * 100:.3g} % of such runs"
    reason += f"; {words}" if words else ""
    if len(judged) < planned:
        reason += f"; {planned - len(judged)} of {planned} runs say nothing about it"
    if outcome is Outcome.INCONCLUSIVE:
        reason += "; more runs would settle it" if judged else ""
    evidence = {"runs": planned, "judged": len(judged), "kept": kept}
    return Finding(
        criterion=first.criterion,
        title=first.title,
        outcome=outcome,
        reason=reason,
        figure=figure,
        unit=first.unit,
        limit=first.limit,
        interval=interval,
        basis=Basis.ESTIMATE,
        confidence=CONFIDENCE,
        evidence=evidence,
        kind=first.kind,
    )


def _outcome(judged: Sequence[Finding], interval: Interval | None, planned: int) -> Outcome:
    outcomes = {finding.outcome for finding in judged}
    if outcomes == {Outcome.FAIL}:
        return Outcome.FAIL
    if outcomes == {Outcome.PASS}:
        return Outcome.PASS if 2 * len(judged) > planned else Outcome.INCONCLUSIVE
    failed = [finding for finding in judged if finding.outcome is Outcome.FAIL]
    limit = judged[0].limit if judged else None
    if failed and interval is not None and limit is not None and interval[0] > limit:
        above = all(finding.interval is not None and finding.interval[0] > limit for finding in failed)
        return Outcome.FAIL if above else Outcome.INCONCLUSIVE
    return Outcome.INCONCLUSIVE


def _figure(judged: Sequence[Finding]) -> tuple[float | None, Interval | None, str]:
    """Figure and interval over the runs, and what they are in words."""
    judged = [finding for finding in judged if finding.interval is not None]
    bounds = [_bounds(finding) for finding in judged]
    if not bounds:
        return None, None, ""
    if judged[0].kind == ERROR_RATIO:
        failed, requests = ([float(f.evidence.get(key) or 0) for f in judged] for key in ("failed", "requests"))
        if all(requests):
            figure, interval = clustered_ratio(failed, requests)
            return figure, interval, "failed ÷ requests over all runs"
    if judged[0].kind == RECOVERY_TIME:
        median = kaplan_meier_median(bounds)
        censored = sum(math.isinf(high) for _, high in bounds)
        words = "median by Kaplan and Meier" + (f", {censored} not seen to recover" if censored else "")
        return median, median_interval(bounds), words
    middles = sorted(low if math.isinf(high) else high for low, high in bounds)
    return middles[(len(middles) - 1) // 2], median_interval(bounds), "median over the runs"


def _bounds(finding: Finding) -> Interval:
    """The figure of a run, twice; between what bounds it lies, where there is none or the watching ended before."""
    assert finding.interval is not None
    if finding.figure is None or finding.censored:
        return finding.interval[0], math.inf if finding.censored else finding.interval[1]
    return finding.figure, finding.figure


def median_interval(bounds: Sequence[Interval]) -> Interval:
    """Interval of the median over independent runs, from order statistics; each run's figure lies between bounds."""
    lower, upper = quantile_ranks(len(bounds), 0.5, CONFIDENCE)
    lows, highs = (sorted(each[place] for each in bounds) for place in (0, 1))
    return lows[lower - 1] if lower > 0 else -math.inf, highs[upper - 1] if upper <= len(highs) else math.inf


def kaplan_meier_median(bounds: Sequence[Interval]) -> float | None:
    """The first instant at which no more than half of the runs are still waiting (Kaplan & Meier 1958); None where more
    than half never were seen to end. A run with an infinite upper bound is censored at its lower one.
    """
    seen = [high for _, high in bounds if not math.isinf(high)]
    if not seen:
        return None
    right = [low for low, high in bounds if math.isinf(high)]
    survival = stats.ecdf(stats.CensoredData(uncensored=seen, right=right)).sf
    below = [t for t, share in zip(survival.quantiles, survival.probabilities, strict=True) if share <= 0.5 + 1e-12]
    return float(min(below)) if below else None


def clustered_ratio(hits: Sequence[float], sizes: Sequence[float]) -> tuple[float, Interval]:
    """Σ hits ÷ Σ sizes over independent clusters, and its t-interval, never narrower than Clopper and Pearson's. One
    cluster says nothing about others. It is taken for the logit: where few clusters have most of the hits, those that
    did not come would have made the share larger by more than it can be smaller.
    """
    n, total = len(sizes), sum(sizes)
    share = sum(hits) / total
    low, high = clopper_pearson(sum(hits), total)
    if n < 2:
        return share, (0.0, 1.0)
    squares = sum((hit - share * size) ** 2 for hit, size in zip(hits, sizes, strict=True))
    if not 0 < share < 1:
        return share, (low, high)
    error = math.sqrt(n / (n - 1) * squares) / total / (share * (1 - share))
    factor = math.exp(min(MOST_LOG_ODDS, student_quantile((1 + CONFIDENCE) / 2, n - 1) * error))
    odds = share / (1 - share)
    smallest, largest = odds / factor, odds * factor
    return share, (min(low, smallest / (1 + smallest)), max(high, largest / (1 + largest)))
