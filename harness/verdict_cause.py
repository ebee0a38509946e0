"""Which finding explains the rest: the guard, of several, that makes a finding void, and the finding that the one
sentence of a verdict names.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.findings import TARGET_HEALTHY, Finding, Outcome
from harness.recording import Recording

RUN_COMPLETE, BASELINE_HEALTHY = "run_complete", "baseline_healthy"
"""The first one is judged for every run, whether it is listed or not."""

CAUSES = (TARGET_HEALTHY, "faults_injected")
"""Guards that are named first where several void a finding: without a target, or a fault that could be prepared, there
was no load, and the others only say that they saw none."""

MEASUREMENT = ("machine_pressure", "generator_health")
"""Guards of what measured. Where one of them has found something, a slow baseline, users that are not free in time and
a spike that was not delivered may all come of it, so it is named before them.
"""


def explains_as_guard(finding: Finding) -> tuple[bool, ...]:
    """How much one that voids explains the others that do: a cause most, then a measurement that was disturbed."""
    return finding.criterion in CAUSES, _is_of_the_measurement(finding)


def outcome_in_words(recording: Recording, findings: Sequence[Finding], listed: int) -> tuple[Outcome, str]:
    """The worst outcome of a run's findings and its one sentence. ``listed``: how many criteria the run has."""
    outcome = max((finding.outcome for finding in findings), key=lambda outcome: outcome.rank)
    if outcome is not Outcome.FAIL:
        if not any(piece.count for piece in recording.slices):
            end = recording.end
            why = f": {end.reason}" if end is not None and not end.completed else ""
            return Outcome.INCONCLUSIVE, f"No request was recorded, so nothing can be said about the target{why}."
        if not listed:
            return Outcome.INCONCLUSIVE, "The run has no criteria, so there is nothing to pass."
        if all(finding.is_guard for finding in findings):
            return Outcome.INCONCLUSIVE, "The run has guards only and no criterion about the target."
    if outcome is Outcome.PASS:
        count = sum(not finding.is_guard for finding in findings)
        return outcome, f"All {count} criteria hold, and no guard objects."
    worst = [finding for finding in findings if finding.outcome is outcome]
    # Of several FAILs a target that did not come back says more than what failed while it went.
    fails_first = next((finding for finding in worst if finding.criterion == TARGET_HEALTHY), worst[0])
    first = fails_first if outcome is Outcome.FAIL else max(worst, key=_explains)
    end = recording.end
    if outcome is not Outcome.FAIL and end is not None and end.stopped_early:
        # Why it was ended is said before; what is named is what else is wrong.
        others = [each for each in worst if end.reason not in each.reason and any(_explains_all(each))]
        if not others:
            findings_are = "1 finding is" if len(worst) == 1 else f"{len(worst)} findings are"
            return outcome, f"{findings_are} {outcome.value}."
        first = max(others, key=_explains)
    more = f" ({len(worst) - 1} more {outcome.value})" if len(worst) > 1 else ""
    return outcome, f"{first.title}: {first.reason}{more}."


def _explains(finding: Finding) -> tuple[bool, ...]:
    """How much an INCONCLUSIVE finding explains the others: what is no consequence of another most, then what voids,
    and any guard.
    """
    return *_explains_all(finding), bool(finding.voids), finding.is_guard


def _explains_all(finding: Finding) -> tuple[bool, ...]:
    """In which way it is no consequence of another: a broken run, a target that answers nobody well (who does so is not
    merely slow), a measurement that was disturbed.
    """
    answers_nobody = finding.criterion == BASELINE_HEALTHY and finding.figure == 1
    return finding.criterion == RUN_COMPLETE, answers_nobody, _is_of_the_measurement(finding)


def _is_of_the_measurement(finding: Finding) -> bool:
    """A guard that only lacks evidence shows none, and explains nothing; one that has found something, such as a lost
    process, need not have a figure.
    """
    return finding.criterion in MEASUREMENT and bool(finding.evidence)
