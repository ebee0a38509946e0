"""One step of the search: a run at one level, and what it says of a criterion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from harness import criteria as criteria_folder
from harness.analysis.phases import SHED_RATIO
from harness.comparison.metric import is_least
from harness.findings import BASELINE_HEALTHY, METASTABILITY, RECOVERY_TIME, TARGET_HEALTHY, Basis, Finding, Outcome
from harness.verdict_cause import RUN_COMPLETE


class Answer(Enum):
    """What a step says of the limit."""

    HOLDS = "holds"
    SEEMS_TO_HOLD = "seems to hold"
    """Its figure keeps the limit, and its interval leaves both open."""
    SEEMS_TO_BREAK = "seems to break"
    BREAKS = "breaks"

    @property
    def is_good(self) -> bool:
        return self in (Answer.HOLDS, Answer.SEEMS_TO_HOLD)


class Silence(Enum):
    """Why a step says nothing of the limit."""

    GENERATOR = "generator"
    """What made the load was at its own end, or disturbed: it is not the service's limit."""
    STOPPED = "stopped early"
    """By a rule or a safety limit, before the criterion was broken."""
    TOO_FEW = "too few requests"
    """For the criterion to say anything; a higher level has more."""
    UNUSABLE = "not usable"


@dataclass(frozen=True)
class Said:
    """What one step says of one criterion."""

    level: float
    says: Answer | Silence
    reason: str
    finding: Finding | None = None
    """Of that criterion, also where another one decides: its figure is in its own unit at every step."""
    guard: str = ""
    """That objected to what made the load."""

    @property
    def outcome(self) -> Outcome:
        """As a word that people know; what does not count is INCONCLUSIVE."""
        match self.says:
            case Answer.HOLDS:
                return Outcome.PASS
            case Answer.BREAKS:
                return Outcome.FAIL
        return Outcome.INCONCLUSIVE

    @property
    def answer(self) -> Answer | None:
        return self.says if isinstance(self.says, Answer) else None


@dataclass(frozen=True)
class Step:
    """A run that was made for the search."""

    level: float
    label: str
    findings: Sequence[Finding] = ()
    """None where it left no verdict."""
    run: str = ""
    """Its directory, inside the search's; empty where it left none."""
    reason: str = ""
    """Of its verdict, or why there is none."""
    lasted_s: float = 0.0
    stopped_early: bool = False
    was_run: bool = True
    """Whether any load was made."""

    def about(self, criterion: str) -> Said:
        """A PASS or a FAIL counts as it stands in the verdict of the run, so what a guard has voided does not. A
        service that does not answer after the run has not held its load, whatever else is known; nor has one that
        turned more of it away than ``shed_ratio`` accepts, where the criterion leaves out what was turned away. One
        that has answered nobody well before the spike is away at any level, and has no limit.
        """
        own = next((each for each in self.findings if each.criterion == criterion), None)
        finding = self._with_what_was_shed(own)
        named = {each.criterion: each for each in self.findings}
        health, complete = named.get(TARGET_HEALTHY), named.get(RUN_COMPLETE)

        def said(says: Answer | Silence, reason: str, guard: str = "") -> Said:
            return Said(self.level, says, reason, own, guard)

        before = named.get(BASELINE_HEALTHY)
        if before is not None and before.figure == 1:
            return said(Silence.UNUSABLE, f"no request was answered well, nor any before the spike: {before.reason}")
        if health is not None and health.outcome is Outcome.FAIL:
            return said(Answer.BREAKS, health.reason)
        if finding is None or not self.was_run:
            return said(Silence.UNUSABLE, self.reason or "the run left no verdict")
        if finding.outcome is Outcome.PASS:
            return said(Answer.HOLDS, finding.reason)
        if finding.outcome is Outcome.FAIL:
            return said(Answer.BREAKS, finding.reason + self._whether_metastable(finding))
        if self.stopped_early:
            return said(Silence.STOPPED, self.reason)
        if finding.voided_by is not None:
            guard = named.get(finding.voided_by)
            reason = f"{finding.voided_by}: {guard.reason if guard is not None else finding.reason}"
            if criteria_folder.is_about_generator(finding.voided_by):
                return said(Silence.GENERATOR, reason, finding.voided_by)
            return said(Silence.UNUSABLE, reason)
        if complete is not None and complete.outcome is not Outcome.PASS:
            return said(Silence.UNUSABLE, complete.reason)
        if finding.basis is not Basis.ESTIMATE or finding.interval is None:
            return said(Silence.UNUSABLE, finding.reason)
        if not all(map(math.isfinite, finding.interval)) or finding.figure is None or finding.limit is None:
            return said(Silence.TOO_FEW, finding.reason)
        is_above = finding.figure > finding.limit
        keeps = is_above == is_least(finding.kind)
        return said(Answer.SEEMS_TO_HOLD if keeps else Answer.SEEMS_TO_BREAK, finding.reason)

    def _with_what_was_shed(self, finding: Finding | None) -> Finding | None:
        """The share that was turned away, where that does not pass, in place of what passes for the rest of a load."""
        if finding is None or finding.outcome is not Outcome.PASS or finding.basis is Basis.MEASURED:
            return finding
        shed = (each for each in self.findings if each.kind == SHED_RATIO and each.outcome is not Outcome.PASS)
        return max(shed, key=lambda each: each.outcome.rank, default=finding)

    def _whether_metastable(self, finding: Finding) -> str:
        """Of a service that did not come back, whether it never would, as far as that was judged."""
        if finding.kind != RECOVERY_TIME:
            return ""
        first = next(each for each in self.findings if each.kind == RECOVERY_TIME)
        of_it = {f"{METASTABILITY} of {finding.criterion}", *([METASTABILITY] if first is finding else [])}
        found = next((each for each in self.findings if each.criterion in of_it), None)
        if found is None or found.outcome is Outcome.PASS:
            return ""
        return f"; {found.title}: {found.outcome.value}, {found.reason}"
