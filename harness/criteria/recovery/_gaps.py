"""Stretches without a good answer, as clients see them, and what bounds how long others would have found them.

A stretch goes from one good answer to the next. Clients that had asked all the time would have had their last good
answer later and their first one earlier: not before everybody had been answered who asked while all was well, and not
while somebody asked in vain. So it was at most as long as from answer to answer, and at least as long as from the first
sign of trouble to the last: a try that gets no good answer is a sign from its beginning and the longest time that a
good answer usually takes, until when it would have been there. So is one whose good answer took far longer than that:
a service that keeps its clients waiting until it is back refuses nobody.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.criteria import _clocks
from harness.criteria._effects import is_stalled
from harness.recording import Operation, Recording


@dataclass(frozen=True)
class Gap:
    """Instants in seconds; ``end_s`` is infinite where no good answer came any more."""

    start_s: float
    end_s: float
    shortest_s: float
    """Clients that had asked all the time would have seen at least so much of it; 0 where there was no sign."""
    in_vain: int
    """Tries in it without a good answer."""

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Tries:
    """Operations of one kind, each with an end or without."""

    good: tuple[Operation, ...]
    """In the order of their answers."""
    bad_s: tuple[float, ...]
    """When the others began, in order."""
    uncertainty_s: float
    """How far instants of two nodes may be off against each other."""

    @property
    def count(self) -> int:
        return len(self.good) + len(self.bad_s)


def tries_of(recording: Recording, kind: str, via: str) -> Tries:
    good: list[Operation] = []
    bad_s: list[float] = []
    for batch in recording.operations:
        for operation in batch.operations:
            if operation.kind != kind or not fnmatchcase(operation.via, via):
                continue
            if operation.return_s is None:
                bad_s.append(operation.invoke_s)
            else:
                good.append(operation)
    apart_s = _clocks.apart_s(_clocks.uncertainty_s(recording))
    return Tries(tuple(sorted(good, key=_returned_s)), tuple(sorted(bad_s)), apart_s)


def usual_s(tries: Tries, before_s: float) -> float:
    """The longest time that a good answer took before this instant; infinite where there was none."""
    return max((_took_s(each) for each in tries.good if _returned_s(each) < before_s), default=math.inf)


def gaps(tries: Tries, from_s: float, until_s: float) -> Iterator[Gap]:
    """Those that end after ``from_s`` and begin before ``until_s``, when there was no load any more. The first good
    answer has to be before ``from_s``: else nobody knows when the first of them began.
    """
    answers_s = [_returned_s(each) for each in tries.good]
    longest_s = usual_s(tries, from_s)
    signs_s = sorted([*tries.bad_s, *(one.invoke_s for one in tries.good if is_stalled(_took_s(one), longest_s))])
    first = bisect_right(answers_s, from_s) - 1
    for index in range(max(first, 0), len(answers_s)):
        start_s = answers_s[index]
        if start_s >= until_s:
            return
        end_s = answers_s[index + 1] if index + 1 < len(answers_s) else math.inf
        in_vain = len(_between(tries.bad_s, start_s - longest_s, end_s))
        yield _gap(_between(signs_s, start_s - longest_s, end_s), start_s, end_s, longest_s, until_s, in_vain)


def _between(begun_s: Sequence[float], after_s: float, before_s: float) -> Sequence[float]:
    return begun_s[bisect_right(begun_s, after_s) : bisect_left(begun_s, before_s)]


def _gap(signs: Sequence[float], start_s: float, end_s: float, usual_s: float, until_s: float, in_vain: int) -> Gap:
    """``signs``: one that began before the last good answer is of this stretch when it should have ended in it."""
    if end_s == math.inf and not signs:
        end_s = max(start_s, until_s)  # nobody asked in vain, so it was no more than the end of the load
    if not signs:
        return Gap(start_s, end_s, 0.0, 0)
    since_s = max(start_s, signs[0] + usual_s)
    return Gap(start_s, end_s, max(0.0, signs[-1] - since_s), in_vain)


def _took_s(operation: Operation) -> float:
    return _returned_s(operation) - operation.invoke_s


def _returned_s(operation: Operation) -> float:
    assert operation.return_s is not None
    return operation.return_s
