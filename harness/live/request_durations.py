"""How long requests took, in buckets that do not change, as monitoring systems keep them.

The bounds are those that OpenTelemetry's conventions prescribe for HTTP. What is kept here only ever grows, and has
bounded names, so that whoever reads it once a second gets counters.
"""

from __future__ import annotations

from bisect import bisect_left
from types import MappingProxyType

from harness.analysis.histogram import bucket_bounds_us
from harness.recording import Slice
from harness.recording.values import CENSORED, OK, OTHER_NAMES, UNFINISHED, UNSENT, UNSERVED, Sparse
from harness.safe_text import one_line, without_user_info

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds, inclusive; the last bucket has none."""
MOST_NAMES = 100
"""Names that are kept apart; the others are counted as one."""
MOST_SERIES = 400
"""Names with their outcomes and statuses that are kept apart."""
LONGEST_NAME = 200
OTHER_OUTCOMES = "other"
WITHOUT_ANSWER = frozenset({UNFINISHED, UNSERVED, UNSENT, CENSORED})


class _Places(dict[int, tuple[int, float]]):
    """Bucket of the recorder → place among ours, and the middle of the bucket in seconds; worked out when asked."""

    def __missing__(self, index: int) -> tuple[int, float]:
        low_us, high_us = bucket_bounds_us(index)
        self[index] = found = bisect_left(BOUNDS_S, high_us / 1e6), (low_us + high_us) / 2e6
        return found


_PLACES = _Places()


class Durations:
    """A histogram that grows. A value counts as the highest of its recorded bucket, at most 0.1 % too high, and in the
    sum as its middle.
    """

    __slots__ = ("counts", "sum_s")

    def __init__(self, histogram: Sparse = MappingProxyType({})) -> None:
        self.counts = counts = [0] * (len(BOUNDS_S) + 1)
        """Of each bucket by itself."""
        sum_s = 0.0
        for index, count in histogram.items():
            place, middle_s = _PLACES[index]
            counts[place] += count
            sum_s += middle_s * count
        self.sum_s = sum_s

    def merge(self, other: Durations) -> None:
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.sum_s += other.sum_s


Key = tuple[str, str, int]
"""Name as in the recording, outcome, and status of HTTP (0: none)."""


class RequestDurations:
    """Of the requests of one run that had an answer, or were given up."""

    def __init__(self) -> None:
        self.service: dict[Key, Durations] = {}
        """From the actual send, of all that ended."""
        self.latency: dict[str, Durations] = {}
        """By name: from the intended start, of those answered ok."""
        self._shown: dict[str, str] = {}
        """Name in the recording → name here."""

    def add(self, piece: Slice) -> None:
        if piece.outcome in WITHOUT_ANSWER or not piece.latency:
            return
        name = self._shown.get(piece.name) or self._name(piece.name)
        key = (name, piece.outcome, piece.status)
        if key not in self.service and len(self.service) >= MOST_SERIES:
            key = (OTHER_NAMES, OK if piece.outcome == OK else OTHER_OUTCOMES, 0)
        latency = service = Durations(piece.latency)
        if piece.service is not None:
            service = Durations(piece.service)
        self.service.setdefault(key, Durations()).merge(service)
        if piece.outcome == OK:
            self.latency.setdefault(name, Durations()).merge(latency)

    def _name(self, raw: str) -> str:
        """A name that can be shown; names that look alike then are one."""
        name = one_line(without_user_info(raw[: 2 * LONGEST_NAME]))[:LONGEST_NAME] or OTHER_NAMES
        known = set(self._shown.values())
        if name not in known and len(known) >= MOST_NAMES:
            return OTHER_NAMES  # not remembered: names may come without end
        self._shown[raw] = name
        return name
