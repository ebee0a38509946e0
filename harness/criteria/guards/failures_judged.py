"""Guard: what failed after the baseline is in some criterion's figure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.analysis import intervals, phases
from harness.analysis.names import names_with_class
from harness.criteria._criterion import Guard
from harness.criteria._injections import injections
from harness.criteria._outcome import most_common_cause, percent
from harness.errors import ConfigurationError
from harness.findings import BASELINE, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording, Slice
from harness.recording_header import Phase
from harness.recording_values import ITERATION

BACK_WITHIN_S = 1
"""After a fault: what failed in the second in which it was undone is still its doing."""
MOST_TOLD = 3
OF_ATTEMPTS = "attempt "
"""Names of attempts to come back begin so, and only those that failed are kept: no share of anything."""


@dataclass(frozen=True)
class FailuresJudged(Guard):
    """Guard: no requests of any name failed in a phase after the baseline without a criterion that would show it.

    A run whose criteria look at one phase, or at some requests, says nothing of the others: what failed there would be
    in no figure, and the run would pass. Looked at are requests of one name (and class of users, where several have it)
    in one phase, more of which failed for certain than the limit allows, by the interval of Clopper and Pearson. Left
    out are the baseline, which has a guard of its own, and the time in which a planned fault was there: failures are
    meant then. It voids nothing: what was measured stays measured.
    """

    title = "failures are judged"
    unit = "ratio"
    guarded: ClassVar[tuple[str, ...]] = ()

    limit: float = parameter(0.05, "largest share of failed requests that no criterion looks at", highest=1)
    baseline: str = parameter(BASELINE, "phase that shows what is normal")

    def judge(self, recording: Recording) -> Finding:
        told: list[tuple[float, str]] = []
        looked_at = _looked_at(recording)
        for phase in recording.header.phases:
            if phase.name == self.baseline:
                continue
            patterns = looked_at[phase]
            for name, pieces in _requests_by_name(recording, phase).items():
                if any(phases.is_of(recording, pieces[0], pattern) for pattern in patterns):
                    continue
                tally = phases.tally(tuple(pieces))
                if not tally.failed or intervals.clopper_pearson(tally.failed, tally.intended)[0] <= self.limit:
                    continue
                ratio = tally.failed / tally.intended
                seen = f"{tally.failed:,} of {tally.intended:,} requests {name} in the {phase.name} failed"
                told.append((ratio, f"{seen}, {most_common_cause(tally.causes)}"))
        if not told:
            reason = f"nowhere have more than {percent(self.limit)} failed that no criterion looks at"
            return self.finding(Outcome.PASS, reason)
        told.sort(key=lambda each: -each[0])
        more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        reason = (
            f"{'; '.join(words for _, words in told[:MOST_TOLD])}{more}: no criterion of this run looks at them. "
            "An error_ratio of that phase, and of these requests, would judge it"
        )
        return self.finding(Outcome.INCONCLUSIVE, reason, told[0][0])


def _looked_at(recording: Recording) -> dict[Phase, list[str]]:
    """Phase → patterns of the names whose failures a criterion of the run would show there."""
    from harness import criteria  # which lists this guard among them

    found: dict[Phase, list[str]] = defaultdict(list)
    for spec in recording.header.criteria:
        try:
            criterion = criteria.load(spec)
        except ConfigurationError:
            continue
        for phase, pattern in criterion.failures_seen(recording.header):
            found[phase].append(pattern)
    return found


def _requests_by_name(recording: Recording, phase: Phase) -> dict[str, list[Slice]]:
    """Those of seconds without a fault. What came of arrivals that have no name is for other guards to say."""
    faults = list(_fault_times(recording))
    name_of = names_with_class(recording)
    found: dict[str, list[Slice]] = defaultdict(list)
    for piece in phases.slices_of(phases.judged(recording, ""), phase):
        if piece.name == ITERATION or piece.name.startswith(OF_ATTEMPTS):
            continue
        if any(begin_s < piece.t + 1 and piece.t < end_s for begin_s, end_s in faults):
            continue
        found[name_of(piece)].append(piece)
    return found


def _fault_times(recording: Recording) -> Iterator[tuple[float, float]]:
    for each in injections(recording):
        yield each.at_s, each.undone_s + BACK_WITHIN_S
