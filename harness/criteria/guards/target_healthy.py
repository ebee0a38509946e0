"""Guard: the target was healthy before the load, and is healthy after it."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from harness.analysis import generator, phases, tallies
from harness.analysis.names import names_with_class
from harness.analysis.time_series import level_at
from harness.criteria._criterion import Guard
from harness.criteria._outcome import most_common_cause
from harness.findings import Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording.marks import HealthMark
from harness.recording.values import OK, UNSERVED

FEWEST = 5
"""Requests that say how the target was in the end: fewer may all fail by bad luck."""
USUALLY = 0.9
"""Share of good answers in the baseline, of a name that is looked at by itself."""
SHORTLY_S = 0.001
"""Before a phase is over: then its level is not yet that of what comes next."""


@dataclass(frozen=True)
class TargetHealthy(Guard):
    """Guard: the target's health checks answered before the load and again after it.

    A target that was down before proves nothing, so everything else is void. One that is down afterwards did
    not come back: that is a FAIL of its own, and voids nothing. Nor has one come back of which the last requests of the
    load all failed, at no more load than that of the baseline; whether for longer than that nobody knows.
    """

    title = "target healthy before and after"
    of_target = True

    def judge(self, recording: Recording) -> Finding:
        # A check may be repeated until it answers: the last answer of each counts.
        before = _last(recording, "before")
        after = _last(recording, "after")
        sick = [mark for mark in before if not mark.ok]
        if sick:
            return self.inconclusive(f"unhealthy before the load: {_told(sick)}")
        gone = [mark for mark in after if not mark.ok]
        if gone:
            return self._voids_nothing(Outcome.FAIL, f"did not come back: after the load {_told(gone)}")
        if not before:
            reason = "no health check before the load, so it is not known whether the target was up"
            return self._voids_nothing(Outcome.INCONCLUSIVE, reason)
        if not after:
            reason = "no health check after the load, so it is not known whether the target came back"
            return self._voids_nothing(Outcome.INCONCLUSIVE, reason)
        if last := _last_requests_failed(recording):
            open_question = (
                "Whether the target had failed anew, or for a moment, would be known from a longer last phase"
                if any(piece.outcome == OK for piece in phases.judged(recording, "").slices)
                else "Nor was any before them answered well, so mend what is asked, or the target"
            )
            reason = f"{last}; afterwards {_told(after)}. {open_question}"
            return self._voids_nothing(Outcome.INCONCLUSIVE, reason)
        checks = ", ".join(sorted({mark.check for mark in (*before, *after)}))
        return self.finding(Outcome.PASS, f"{checks} answered before and after the load")

    def _voids_nothing(self, outcome: Outcome, reason: str) -> Finding:
        """What was measured stays measured."""
        return dataclasses.replace(self.finding(outcome, reason), voids=())


def _last(recording: Recording, when: str) -> list[HealthMark]:
    latest: dict[str, HealthMark] = {}
    for mark in sorted(recording.health, key=lambda mark: mark.t):
        if mark.when == when:
            latest[mark.check] = mark
    return list(latest.values())


def _told(marks: list[HealthMark]) -> str:
    return "; ".join(
        f"{mark.check} {'answered' if mark.ok else 'failed'}" + (f" ({mark.detail})" if mark.detail else "")
        for mark in marks
    )


def _last_requests_failed(recording: Recording) -> str:
    """The last requests of the last phase, in words, where all of them failed at the load of the baseline, or all of a
    name that was answered well before: one of twenty-five requests may fail for ever, and be within every limit.

    Taken are whole seconds, backwards from the end, up to the last one with a good answer.
    """
    baseline, level = recording.phase("baseline"), recording.header.level
    if baseline is None or not generator.is_complete(recording):
        return ""
    last = max(recording.header.phases, key=lambda phase: phase.end_s)
    usual_level = max(
        level_at(level, baseline.start_s),
        level_at(level, baseline.end_s - SHORTLY_S),
        *(y for t, y in level if baseline.start_s <= t < baseline.end_s),
    )
    if last == baseline or level_at(level, last.end_s - SHORTLY_S) > usual_level:
        return ""
    pieces = phases.judged(recording, "").slices
    in_last = [piece for piece in pieces if last.start_s <= piece.t < last.end_s and piece.outcome != UNSERVED]
    if said := _failed_to_the_end(in_last, last.end_s, "requests"):
        return said
    before = [piece for piece in pieces if baseline.start_s <= piece.t < baseline.end_s]
    usual_of, last_of = _by_name(recording, before), _by_name(recording, in_last)
    for name in sorted(last_of):
        usual = usual_of.get(name, ())
        well, intended = sum(piece.count for piece in usual if piece.outcome == OK), sum(piece.count for piece in usual)
        if not well or well < USUALLY * intended:
            continue
        if said := _failed_to_the_end(last_of[name], last.end_s, f"requests of {name}"):
            return said
    return ""


def _by_name(recording: Recording, pieces: Iterable[Slice]) -> dict[str, list[Slice]]:
    found: dict[str, list[Slice]] = defaultdict(list)
    name_of = names_with_class(recording)
    for piece in pieces:
        found[name_of(piece)].append(piece)
    return found


def _failed_to_the_end(pieces: list[Slice], end_s: int, what: str) -> str:
    causes, start_s = Counter[str](), end_s
    for t, of_second in groupby(sorted(pieces, key=lambda piece: -piece.t), key=lambda piece: piece.t):
        tally = tallies.tally(tuple(of_second))
        if tally.ok:
            break
        causes.update(tally.causes)
        start_s = t
    if causes.total() < FEWEST:
        return ""
    how = most_common_cause(dict(causes.most_common()))
    return f"the last {causes.total():,} {what}, from {start_s} s on, all failed, {how}"
