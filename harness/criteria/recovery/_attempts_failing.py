"""Attempts that go on failing behind requests that are good: users who try again, at once, hide a target that turns
away every first attempt.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from harness.analysis import histogram
from harness.criteria.recovery._left_behind import CHANCE, worse_by
from harness.recording import Recording
from harness.recording.values import OK


@dataclass(frozen=True)
class AttemptsFailing:
    """A name, and how many attempts of its requests failed, since the recovery and in the baseline."""

    name: str
    failed: int
    attempts: int
    failed_before: int
    attempts_before: int


def attempts_failing(
    recording: Recording, baseline_s: tuple[int, int], since_s: tuple[int, int]
) -> AttemptsFailing | None:
    """The name whose attempts are proven to fail more often than before by most, as request names are that are left
    behind; None where none is, and where nobody tries again. Names that the recording has no requests of are none.

    What was shed has failed here even where ``shed_ratio`` judges it: requests that were shed are bad ones of a
    recovery, and that criterion counts no request that was good at last.
    """
    names = {piece.name for piece in recording.slices}
    failed, sent = defaultdict[str, Counter[bool]](Counter), defaultdict[str, Counter[bool]](Counter)
    for mark in recording.attempts:
        is_before, is_since = (start_s <= mark.t < end_s for start_s, end_s in (baseline_s, since_s))
        if mark.name not in names or not (is_before or is_since):
            continue
        for outcome, took in mark.attempts.items():
            count = histogram.total(took)
            sent[mark.name][is_since] += count
            failed[mark.name][is_since] += 0 if outcome == OK else count
    sure = 1 - CHANCE / max(1, len(sent))
    found: list[tuple[float, AttemptsFailing]] = []
    for name in sorted(sent):
        before, since = ((failed[name][is_since], sent[name][is_since]) for is_since in (False, True))
        if not before[1] or not since[1]:
            continue
        if (beyond := worse_by(before, since, sure)) > 0:
            found.append((beyond, AttemptsFailing(name, *since, *before)))
    return max(found, key=lambda each: each[0], default=(0.0, None))[1]
