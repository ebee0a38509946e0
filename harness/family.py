"""The findings of a run together: of many criteria that are each at their limit, one fails by chance sooner or later.

Each estimate has an interval of its own confidence, 95 %, and lies above it by chance in at most 2.5 %. Of twelve, one
does in a quarter of all runs. So a run FAILs only for what fails by Holm's procedure as well (S. Holm, "A simple
sequentially rejective multiple test procedure", 1979): estimates that fail are confirmed with intervals in which each
of m has a tail of 5 % ÷ m, then the others with 5 % ÷ (m less the confirmed ones), until none is added. That keeps the
chance that a run fails though all its limits are kept within 5 %, however the criteria hang together. What is not
confirmed is INCONCLUSIVE.

A census and what was counted are no matter of chance: they stand. So do findings whose interval is a model's of the
course of the one run (recovery time, memory, pool): docs/measurement.md names them, and what each adds. A PASS needs no
correction: it takes the intervals of all criteria to be within their limits, and the chance of that, where one limit is
broken, is no larger than that of this one criterion alone (an intersection–union test, Berger 1982).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from harness.findings import Basis, Finding, Outcome
from harness.recording import Recording
from harness.recording.header import CriterionSpec

FAMILY_ERROR = 0.05
"""The chance of a FAIL in a run whose limits are all kept, at most."""

JudgeOne = Callable[[Recording, CriterionSpec], Finding]


@dataclasses.dataclass(frozen=True)
class Judged:
    finding: Finding
    criterion: CriterionSpec
    recording: Recording
    """What it was found in."""


def confirmed(judged: Sequence[Judged], judge_one: JudgeOne) -> list[Finding]:
    """The findings in their order; estimates that fail alone, and not among all of them, become INCONCLUSIVE."""
    together = sum(_is_estimate(each.finding) for each in judged)
    failing = [each for each in judged if _is_estimate(each.finding) and each.finding.outcome is Outcome.FAIL]
    stands: list[Judged] = []
    confidence = 0.0
    while waiting := [each for each in failing if each not in stands]:
        confidence = 1 - 2 * FAMILY_ERROR / (together - len(stands))
        added = [each for each in waiting if _fails_at(confidence, each, judge_one)]
        if not added:
            break
        stands += added
    return [
        _not_confirmed(each.finding, together, confidence) if each in failing and each not in stands else each.finding
        for each in judged
    ]


def in_words(findings: Sequence[Finding]) -> list[str]:
    """A note, where more than one estimate makes a difference."""
    together = sum(map(_is_estimate, findings))
    if together <= 2:  # twice a tail of 2.5 % is 5 %: nothing is corrected
        return []
    return [
        f"{together} findings are estimates. Each says how sure it is by itself; all together they make a run FAIL by "
        f"chance, though every limit is kept, in at most {FAMILY_ERROR * 100:g} % of runs (Holm)."
    ]


def _is_estimate(finding: Finding) -> bool:
    return (
        finding.basis is Basis.ESTIMATE
        and finding.confidence is not None
        and finding.interval is not None
        and not finding.is_guard
        and finding.voided_by is None
    )


def _fails_at(confidence: float, judged: Judged, judge_one: JudgeOne) -> bool:
    own = judged.finding.confidence
    if own is None or confidence <= own:
        return True
    parameters = {**judged.criterion.parameters, "confidence": confidence}
    stricter = dataclasses.replace(judged.criterion, parameters=parameters)
    return judge_one(judged.recording, stricter).outcome is Outcome.FAIL


def _not_confirmed(finding: Finding, together: int, confidence: float) -> Finding:
    reason = (
        f"fails by itself, and may do so by chance: one of {together} estimates has to fail with "
        f"{confidence * 100:.3g} % confidence, which more requests would settle; {finding.reason}"
    )
    return dataclasses.replace(finding, outcome=Outcome.INCONCLUSIVE, reason=reason)
