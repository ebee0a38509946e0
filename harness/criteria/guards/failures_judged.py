"""Guard: what failed after the baseline is in some criterion's figure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.analysis import phases
from harness.analysis.intervals import clopper_pearson
from harness.analysis.names import names_with_class
from harness.criteria._criterion import Guard
from harness.criteria._injections import injections
from harness.criteria._outcome import most_common_cause, percent
from harness.criteria._seen import Seen
from harness.errors import ConfigurationError
from harness.findings import BASELINE, ERROR_RATIO, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import CENSORED, ITERATION, OK

BACK_WITHIN_S = 1
"""After a fault: what failed in the second in which it was undone is still its doing."""
MOST_TOLD = 3
CHANCE = 0.025
"""That any name of a service of which as many fail as the limit allows is found to fail more (Bonferroni)."""


@dataclass(frozen=True)
class FailuresJudged(Guard):
    """Guard: no requests of any name failed in a phase after the baseline without a criterion that would show it.

    A run whose criteria look at one phase, or at some requests, says nothing of the others: what failed there would be
    in no figure, and the run would pass. Looked at are requests of one name (and class of users, where several have it)
    in one phase, more of which failed for certain than the limit allows, by the interval of Clopper and Pearson
    (Bonferroni over all of these). Left out are the baseline, which has a guard of its own, the time in which a planned
    fault was there, and as long after it as a criterion of the run allows: failures are meant then. What was shed
    counts where no criterion judges that. It voids nothing: what was measured stays measured.
    """

    title = "failures that no criterion looks at"
    may_guard_nothing = True
    unit = "ratio"
    guarded: ClassVar[tuple[str, ...]] = ()

    limit: float = parameter(0.05, "largest share of failed requests that no criterion looks at", highest=1)
    baseline: str = parameter(BASELINE, "phase that shows what is normal")

    def judge(self, recording: Recording) -> Finding:
        looked_at = list(_looked_at(recording))
        recording = _with_what_was_shed(recording)
        found = [
            unseen
            for phase in recording.header.phases
            if phase.name != self.baseline
            for name, pieces in _requests_by_name(recording, phase).items()
            if (unseen := _unseen(recording, name, phase, pieces, looked_at)).requests
        ]
        sure = 1 - 2 * CHANCE / max(1, len(found))
        told = [each for each in found if clopper_pearson(each.failed, each.requests, sure)[0] > self.limit]
        if not told:
            reason = f"wherever more than {percent(self.limit)} failed, a criterion shows it"
            return self.finding(Outcome.PASS, reason)
        told.sort(key=lambda each: -each.ratio)
        more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        failed = {cause for each in told for cause in each.causes}
        wanted = [f"an {ERROR_RATIO}"] * bool(failed - phases.ALL_SHED)
        wanted += [f"a {phases.SHED_RATIO}"] * bool(failed & phases.ALL_SHED)
        remedy = " and ".join(wanted).capitalize()
        reason = (
            f"{'; '.join(each.words for each in told[:MOST_TOLD])}{more}: no criterion of this run looks at them. "
            f"{remedy} of that phase, and of these requests, would judge it"
        )
        return self.finding(Outcome.INCONCLUSIVE, reason, told[0].ratio)


@dataclass(frozen=True)
class _Unseen:
    """Of the requests of one name in one phase those whose failures no criterion would show."""

    name: str
    phase: Phase
    requests: int
    causes: Counter[str]
    """Failed requests by outcome."""

    @property
    def failed(self) -> int:
        return self.causes.total()

    @property
    def ratio(self) -> float:
        return self.failed / self.requests

    @property
    def words(self) -> str:
        seen = f"{self.failed:,} of {self.requests:,} requests {self.name} in the {self.phase.name} failed"
        return f"{seen}, {most_common_cause(dict(self.causes.most_common()))}"


def _looked_at(recording: Recording) -> Iterator[Seen]:
    """What the criteria of the run would show."""
    from harness import criteria  # which lists this guard among them

    for spec in recording.header.criteria:
        try:
            criterion = criteria.load(spec)
        except ConfigurationError:
            continue
        yield from criterion.failures_seen(recording)


def _requests_by_name(recording: Recording, phase: Phase) -> dict[str, list[Slice]]:
    """Those of seconds without a fault. What came of arrivals that have no name is for other guards to say."""
    faults = list(_fault_times(recording))
    name_of = names_with_class(recording)
    found: dict[str, list[Slice]] = defaultdict(list)
    for piece in phases.slices_of(recording, phase):
        if piece.name != ITERATION and not any(each.is_at(piece.t) for each in faults):
            found[name_of(piece)].append(piece)
    return {
        name: pieces for name, pieces in found.items() if not phases.is_of(recording, pieces[0], phases.FAILED_ATTEMPTS)
    }


def _with_what_was_shed(recording: Recording) -> Recording:
    """What is judged, and what other criteria leave out to ``shed_ratio``, which looks at one phase alone."""
    return phases.judged(replace(recording, header=replace(recording.header, criteria=())), "")


def _unseen(
    recording: Recording, name: str, phase: Phase, pieces: Sequence[Slice], looked_at: Sequence[Seen]
) -> _Unseen:
    """Seconds of which every failure would show are left out, the requests that ended well among them."""
    seen = [each for each in looked_at if phases.is_of(recording, pieces[0], each.requests)]
    requests, causes = 0, Counter[str]()
    for piece in pieces:
        shown = [each for each in seen if each.is_at(piece.t)]
        if any(each.is_all for each in shown):
            continue
        requests += piece.count
        if piece.outcome not in (OK, CENSORED) and not any(each.shows(piece.outcome) for each in shown):
            causes[piece.outcome] += piece.count
    return _Unseen(name, phase, requests, causes)


def _fault_times(recording: Recording) -> Iterator[Seen]:
    for each in injections(recording):
        yield Seen(each.at_s, each.undone_s + BACK_WITHIN_S)
