"""What the guards of the runs that are compared say against them, beyond voiding a figure: a run that did not come to
its end, or whose target did not come back, is not as good as one whose figures it has.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis import two_samples
from harness.comparison.metric import KIND
from harness.family import FAMILY_ERROR
from harness.findings import Finding, Outcome, Verdict, objections


def of_guards(first: Sequence[Verdict], second: Sequence[Verdict]) -> list[Finding]:
    """One finding for each guard that objects in any run. FAIL where it failed in so many more runs of the second that
    chance would hardly have it so (one-sided, exact); else INCONCLUSIVE.
    """
    found = {each[0].criterion: each for each in objections([*first, *second])}
    return [_finding(each, first, second) for each in found.values()]


def _finding(found: Sequence[Finding], first: Sequence[Verdict], second: Sequence[Verdict]) -> Finding:
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
