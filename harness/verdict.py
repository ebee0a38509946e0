"""From a recording to a verdict: every criterion judged, guards applied, the worst finding decides.

No evidence, no pass: a run without criteria or without requests is INCONCLUSIVE, and so is a criterion that
crashes.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from harness import criteria as criteria_folder
from harness import family
from harness.analysis import generator
from harness.analysis.names import names_in_doubt, outside_of_phases_in_words
from harness.errors import ConfigurationError
from harness.findings import Finding, Outcome, Verdict
from harness.recording import Recording
from harness.recording.header import CriterionSpec, Phase
from harness.recording.marks import PARKED
from harness.verdict_cause import CAUSES, RUN_COMPLETE, explains_as_guard, outcome_in_words

VOID = "void because of"
"""Begins the reason of a finding that a guard has voided."""

DEMO = "The built-in demo was tested, because no host was named"
"""Begins the reason of such a verdict, and with it every report: it says nothing about a service of anybody's own."""


@criteria_folder.held()
def judge(recording: Recording, criteria: Sequence[CriterionSpec] | None = None) -> Verdict:
    """Judges a recording by the given criteria, or by those of its header.

    Findings come in the order in which they should be read: criteria before guards, the worst first. A
    finding that a guard voids becomes INCONCLUSIVE, PASS and FAIL alike; a FAIL that no guard voids stands.
    """
    planned = recording.header.criteria
    specs = list(planned if criteria is None else criteria)
    left_out = [spec for spec in specs if not _applies(recording, spec)]
    specs = [spec for spec in specs if spec not in left_out]
    listed = len(specs)
    if RUN_COMPLETE not in {spec.criterion for spec in specs}:
        specs.append(CriterionSpec(RUN_COMPLETE))
    found = [_cut_short(recording, spec, _judge_one(recording, spec)) for spec in specs]
    judged = _void(recording, specs, found)
    findings = _in_reading_order(_with_own_titles(_follow(family.confirmed(judged, _judge_one))))
    notes = [
        *recording.damage,
        *recording.header.notes,
        *names_in_doubt(recording),
        *outside_of_phases_in_words(recording),
    ]
    notes += [f"{mark.check}: {mark.detail}." for mark in recording.health if mark.when == PARKED]
    notes += family.in_words(findings)
    notes += [f"{spec.criterion} is not judged: {_judge_one(recording, spec).reason}." for spec in left_out]
    if criteria is not None and tuple(criteria) != tuple(planned):
        notes.append(_overridden(planned, criteria))
    outcome, reason = outcome_in_words(recording, findings, listed)
    end = recording.end
    stopped_early = end is not None and end.stopped_early
    if end is not None and stopped_early:
        reason = f"STOPPED EARLY {end.t:.0f} s in, no verdict of the whole run: {end.reason}. {reason}"
    if recording.header.reference_target:
        reason = f"{reason} {DEMO}."
    return Verdict(outcome, reason, tuple(findings), tuple(notes), stopped_early)


def without_reports(verdict: Verdict, problems: Sequence[str], remedy: str) -> Verdict:
    """The verdict of a run whose reports could not all be written: a PASS becomes INCONCLUSIVE, a FAIL stands."""
    said = f"Reports could not be written ({'; '.join(problems)}); {remedy}"
    if verdict.outcome is not Outcome.PASS:
        return dataclasses.replace(verdict, notes=(*verdict.notes, f"{said}."))
    return dataclasses.replace(verdict, outcome=Outcome.INCONCLUSIVE, reason=f"{said}. {verdict.reason}")


def _judge_one(recording: Recording, spec: CriterionSpec) -> Finding:
    """One finding. A criterion that cannot be loaded or that crashes proves nothing, in either direction."""
    nothing = ""
    try:
        criterion = criteria_folder.load(spec)
        nothing = criteria_folder.unmatched(criterion, recording)
        found = criterion.judge(recording)
        if nothing:
            had_been = f"{found.reason}; " if found.outcome is Outcome.INCONCLUSIVE else ""
            found = dataclasses.replace(found, outcome=Outcome.INCONCLUSIVE, reason=f"{had_been}{nothing}")
    except ConfigurationError as error:
        found = _not_judged(spec, f"not judged: {'; '.join(error.messages)}")
    except Exception as error:  # any defect of a criterion must end as a finding, not as a traceback
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        found = _not_judged(spec, nothing or f"the criterion crashed ({text}), so it proves nothing")
    return dataclasses.replace(found, kind=spec.criterion, is_guard=criteria_folder.is_guard(spec.criterion))


def _applies(recording: Recording, spec: CriterionSpec) -> bool:
    """Whatever cannot tell is judged, which says why."""
    try:
        return criteria_folder.load(spec).applies(recording)
    except Exception:
        return True


def _cut_short(recording: Recording, spec: CriterionSpec, finding: Finding) -> Finding:
    """A PASS proves nothing about what the run did not come to: it holds only where all phases that the criterion looks
    at were recorded to their end. A FAIL has been proven, whatever would have come.
    """
    if finding.outcome is not Outcome.PASS or finding.is_guard or generator.is_complete(recording):
        return finding
    known_s = generator.known_until_s(recording)
    missing = [phase for phase in _phases_judged(recording, spec) if phase.end_s > known_s]
    if not missing:
        return finding
    until = f"{max(0.0, known_s):.0f} s"
    reason = (
        f"held until the run was cut off at {until}, before the end of the {missing[-1].name} "
        f"({missing[-1].end_s} s): {finding.reason}"
    )
    return dataclasses.replace(finding, outcome=Outcome.INCONCLUSIVE, reason=reason)


def _missed(recording: Recording, spec: CriterionSpec) -> str:
    """How the run ended before the first phase that the criterion names and that it did not come to; or nothing."""
    if generator.is_complete(recording):
        return ""
    known_s = generator.known_until_s(recording)
    missed = [phase.name for phase in _phases_named(recording, spec) if phase.start_s >= known_s]
    return generator.end_in_words(recording, f"before the {missed[0]}") if missed else ""


def _phases_judged(recording: Recording, spec: CriterionSpec) -> list[Phase]:
    """The phases that a criterion names in its parameters; all of them where it names none but the one with which it
    compares the others.
    """
    judged = _phases_named(recording, spec, but_compared_with=True)
    return _phases_named(recording, spec) if judged else list(recording.header.phases)


def _phases_named(recording: Recording, spec: CriterionSpec, but_compared_with: bool = False) -> list[Phase]:
    try:
        criterion = criteria_folder.load(spec)
    except (ConfigurationError, TypeError):
        return []
    without = criterion.compared_with if but_compared_with else ()
    values = {value for name, value in vars(criterion).items() if name not in without}
    return [phase for phase in recording.header.phases if phase.name in values]


def _not_judged(spec: CriterionSpec, reason: str) -> Finding:
    """What a guard would have guarded is guarded by nobody, and void."""
    name = criteria_folder.name_of(spec)
    voids = criteria_folder.guarded_by(spec.criterion)
    return Finding(name, name, Outcome.INCONCLUSIVE, reason, voids=voids, part=str(spec.parameters.get("part", "")))


def _void(recording: Recording, specs: Sequence[CriterionSpec], findings: Sequence[Finding]) -> list[family.Judged]:
    """Applies the guards: what one of them voids becomes INCONCLUSIVE and says by which. A FAIL that holds without what
    a guard objects to is not voided by it, and is told as it is then, with the recording that it was found in.
    """
    guards = [
        (finding, _without_objection(recording, spec))
        for spec, finding in zip(specs, findings, strict=True)
        if finding.voids and finding.outcome is not Outcome.PASS
    ]
    guards.sort(key=lambda each: explains_as_guard(each[0]), reverse=True)
    result = []
    for spec, finding in zip(specs, findings, strict=True):
        missed = _missed(recording, spec) if finding.outcome is Outcome.INCONCLUSIVE else ""
        if finding.is_guard:  # it is never voided: it is what voids
            kept = dataclasses.replace(finding, reason=missed) if missed else finding
            result.append(family.Judged(kept, spec, recording))
            continue
        evidence = criteria_folder.rests_on(finding.kind)
        voider: Finding | None = None
        rests_on = recording
        for guard, proven in guards:
            if set(guard.voids).isdisjoint(evidence):
                continue
            if finding.outcome is Outcome.FAIL and proven is not None:
                again = _judge_one(proven, spec)
                if again.outcome is Outcome.FAIL:
                    rests_on = proven
                    finding = dataclasses.replace(
                        again, reason=f'{again.reason}, also without what the guard "{guard.title}" objects to'
                    )
                    continue
            voider = guard
            break
        if missed and (voider is None or voider.criterion not in CAUSES):
            finding = dataclasses.replace(finding, reason=missed)  # no guard is to blame that the run was ended
        elif voider is not None:
            had_been = f"had been {finding.outcome.value}: {finding.reason}"
            finding = dataclasses.replace(
                finding,
                outcome=Outcome.INCONCLUSIVE,
                reason=f'{VOID} the guard "{voider.title}" ({had_been})',
                voided_by=voider.criterion,
            )
        result.append(family.Judged(finding, spec, rests_on))
    return result


def _follow(findings: Sequence[Finding]) -> list[Finding]:
    """What follows from a finding that is a FAIL has nothing to pass with: a breaker that did not open cannot close."""
    failed = {finding.kind for finding in findings if finding.outcome is Outcome.FAIL}
    result = []
    for finding in findings:
        cause = next((each for each in criteria_folder.follows(finding.kind) if each in failed), "")
        if cause and finding.outcome is Outcome.PASS:
            reason = f"follows {cause}, which failed, so it proves nothing (had been PASS: {finding.reason})"
            finding = dataclasses.replace(finding, outcome=Outcome.INCONCLUSIVE, reason=reason)
        result.append(finding)
    return result


def _with_own_titles(findings: Sequence[Finding]) -> list[Finding]:
    """Where criteria of one kind differ in what no title says, each has the name in it that the scenario gave it."""
    often = Counter(finding.title for finding in findings)
    return [
        dataclasses.replace(finding, title=f"{finding.title} ({finding.criterion})")
        if often[finding.title] > 1
        else finding
        for finding in findings
    ]


def _without_objection(recording: Recording, spec: CriterionSpec) -> Recording | None:
    """Nothing is proven where the guard has none, or crashes."""
    try:
        return criteria_folder.without_objection(spec, recording)
    except Exception:
        return None


def _in_reading_order(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.is_guard, -finding.outcome.rank))


def _overridden(planned: Sequence[CriterionSpec], used: Sequence[CriterionSpec]) -> str:
    """Says which criteria are not those that the run was started with."""
    before = {criteria_folder.name_of(spec): spec for spec in planned}
    after = {criteria_folder.name_of(spec): spec for spec in used}
    changes = [
        f"{name} changed from {_words(before[name])} to {_words(after[name])}"
        for name in before
        if name in after and before[name] != after[name]
    ]
    changes += [f"{name} left out" for name in before if name not in after]
    changes += [f"{name} added" for name in after if name not in before]
    return "limits_overridden: judged by other criteria than the run was started with: " + "; ".join(changes)


def _words(spec: CriterionSpec) -> str:
    text = ", ".join(f"{key}={value}" for key, value in spec.parameters.items() if key != "name")
    return text or "its defaults"
