"""Requests under a rate limit, key by key, and how many of them a window of time has surely, or possibly, admitted.

A client does not see when the limit decided, only that it was between the request being sent and its answer being
received. So each count has two bounds: what lies within a window *whatever* the instants of the decisions were, and
what *may* lie within it. Where there are several load processes, both instants are widened by the error of their
clocks, so that nothing here ever accuses by mistake.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from harness.analysis.once import once
from harness.criteria._injections import injections
from harness.recording import ADMITTED, BYPASS, REFUSED, TAKE, Operation, Recording

COUNTED_WITHIN_S = 1.0


class Take(NamedTuple):
    """One request under the limit. The limit decided no earlier than ``sent_s`` and no later than ``received_s``, which
    is infinite where there was no answer.
    """

    operation: Operation
    sent_s: float
    received_s: float


@dataclass(frozen=True)
class Key:
    """What became of the requests of one key, each list in the order of being sent."""

    key: str
    takes: tuple[Take, ...]
    admitted: tuple[Take, ...]
    """With those without an answer, which may have been admitted: they count among the possible, never the sure."""
    refused: tuple[Take, ...]
    errors: int
    """Answers that neither admit nor refuse."""
    doubtful: tuple[Take, ...]
    """Nobody promised anything about these, and they are in none of the other lists: they were admitted without a look
    at the counters, or under way while these were away. They may have been counted all the same, up to a second after
    the counters were back, which a frozen server does with all that has been sent to it.
    """

    @property
    def maybe_counted(self) -> Admissions:
        return Admissions((*self.admitted, *self.doubtful))


@dataclass(frozen=True)
class Window:
    """How many requests of a key a window of time has admitted: surely so many, possibly so many."""

    key: str
    begin_s: float
    surely: int
    possibly: int


@once
def keys_of(recording: Recording, away: str) -> tuple[Key, ...]:
    """All keys, in the order of their names; ``away`` is the planned fault that keeps the counters away."""
    outages = [(each.at_s, each.undone_s) for each in injections(recording, away)]
    several = len({batch.node for batch in recording.operations}) > 1
    found: dict[str, tuple[list[Take], list[Take]]] = {}
    for batch in recording.operations:
        error_s = batch.clock_uncertainty_s if several else 0.0
        for operation in batch.operations:
            if operation.kind != TAKE:
                continue
            received_s = math.inf if operation.return_s is None else operation.return_s + error_s
            take = Take(operation, operation.invoke_s - error_s, received_s)
            takes, doubtful = found.setdefault(operation.key, ([], []))
            ends_s = [end_s for begin_s, end_s in outages if take.sent_s < end_s and received_s > begin_s]
            if operation.cache == BYPASS or ends_s:
                late_s = max((end_s + COUNTED_WITHIN_S for end_s in ends_s), default=received_s)
                doubtful.append(Take(operation, take.sent_s, max(received_s, late_s)))
            else:
                takes.append(take)
    return tuple(_key(key, sorted(found[key][0], key=_by_sent), found[key][1]) for key in sorted(found))


def _by_sent(take: Take) -> float:
    return take.sent_s


def _decided(take: Take) -> float:
    """In the middle."""
    return (take.sent_s + take.received_s) / 2


def _key(key: str, takes: list[Take], doubtful: list[Take]) -> Key:
    admitted = [take for take in takes if take.operation.cache == ADMITTED or take.received_s == math.inf]
    refused = [take for take in takes if take.operation.cache == REFUSED]
    errors = len(takes) - len(admitted) - len(refused)
    return Key(key, tuple(takes), tuple(admitted), tuple(refused), errors, tuple(doubtful))


class Admissions:
    """Counts the admitted requests of one key within windows."""

    def __init__(self, admitted: Sequence[Take]) -> None:
        self._sent = sorted(take.sent_s for take in admitted)
        self._sent_and_answered = sorted(take.sent_s for take in admitted if take.received_s < math.inf)
        self._received = sorted(take.received_s for take in admitted)

    def surely(self, begin_s: float, end_s: float) -> int:
        """Sent at ``begin_s`` or later, and answered at ``end_s`` or earlier: those answered by then, without those
        that were sent before. Too few by those under way over the whole window.
        """
        return max(0, bisect_right(self._received, end_s) - bisect_left(self._sent_and_answered, begin_s))

    def possibly(self, begin_s: float, end_s: float) -> int:
        """Answered at ``begin_s`` or later, and sent at ``end_s`` or earlier."""
        return max(0, bisect_right(self._sent, end_s) - bisect_left(self._received, begin_s))


def fullest_window(key: Key, window_s: float) -> tuple[Window, Window]:
    """The window of ``window_s`` into which most requests were surely admitted, and that into which most possibly were.

    The first begins when a request is sent, the second when an answer is received: moving a window on from there until
    the next such instant can only lose requests.
    """
    admissions = Admissions(key.admitted)

    def window(begin_s: float) -> Window:
        end_s = begin_s + window_s
        return Window(key.key, begin_s, admissions.surely(begin_s, end_s), admissions.possibly(begin_s, end_s))

    begins = [0.0]
    answered = [take.received_s for take in key.admitted if take.received_s < math.inf]
    surely = max((window(take.sent_s) for take in key.admitted), key=lambda each: each.surely, default=window(0.0))
    possibly = max(map(window, answered or begins), key=lambda each: each.possibly)
    return surely, possibly


def by_source(key: Key, window: Window, window_s: float) -> Mapping[str, int]:
    """Who has surely admitted how many in a window, where the answers say so."""
    return Counter(
        take.operation.source
        for take in key.admitted
        if take.sent_s >= window.begin_s and take.received_s <= window.begin_s + window_s and take.operation.source
    )


def beyond_the_limit(key: Key, allowed: int, window_s: float) -> int:
    """Admitted requests that an exact sliding window would have refused, each taken to be decided in the middle between
    its sending and its answer. One that is refused does not count against those that follow.
    """
    counted: deque[float] = deque()
    beyond = 0
    for decided_s in sorted(_decided(take) for take in key.admitted if take.received_s < math.inf):
        while counted and counted[0] <= decided_s - window_s:
            counted.popleft()
        if len(counted) < allowed:
            counted.append(decided_s)
        else:
            beyond += 1
    return beyond


def as_fixed_windows(key: Key, allowed: int, window_s: float) -> Key:
    """What would have become of the same requests, each decided in the middle between its sending and its answer, under
    windows that begin with the first request after the last one has ended, which count from 0 each.
    """
    begun_s, count, admitted = -math.inf, 0, []
    answered = [take for take in key.takes if take.received_s < math.inf]
    for take in sorted(answered, key=_decided):
        decided_s = _decided(take)
        if decided_s >= begun_s + window_s:
            begun_s, count = decided_s, 0
        if count < allowed:
            count += 1
            admitted.append(Take(take.operation, decided_s, decided_s))
    return replace(key, admitted=tuple(admitted))


def by_way_of(takes: Sequence[Take], via: str) -> tuple[Take, ...]:
    return tuple(take for take in takes if fnmatchcase(take.operation.via, via))


def nothing_taken(recording: Recording, keys: Sequence[Key], via: str) -> str | None:
    """Why there is nothing to judge, or None."""
    if any(by_way_of(key.takes, via) for key in keys):
        return None
    takes = [each for batch in recording.operations for each in batch.operations if each.kind == TAKE]
    if not takes:
        return "the run has no requests under a rate limit: users make them with self.take(...)"
    ways = ", ".join(sorted({each.via for each in takes}))
    return f"no request under the limit came by way of {via} while its counters were there; the ways are {ways}"
