"""Requests added up: how many, how many of them failed and why, and how long they took."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from harness.analysis import histogram
from harness.analysis.lazy import IntArray, np
from harness.recording import Slice
from harness.recording.slices import Packed
from harness.recording.values import CENSORED, HIGHEST_BUCKET, OK, Sparse


@dataclass(frozen=True)
class Tally:
    """Requests of a stretch of time."""

    intended: int
    """Requests that should have begun, whatever became of them."""
    ok: int
    causes: Mapping[str, int]
    """Failed requests by outcome, most frequent first."""
    bytes: int
    latency: Sparse
    """Latency of the requests answered ok, from the intended start."""
    waited: Sparse = field(default_factory=dict)
    """Of the requests that had no answer when the run was cut off: how long they had waited, at least."""

    @property
    def unknown(self) -> int:
        """Requests that may have failed or not: they had no answer when the run was cut off."""
        return histogram.total(self.waited)

    @property
    def failed(self) -> int:
        return self.intended - self.ok - self.unknown

    @property
    def error_ratio(self) -> float | None:
        """Failed ÷ intended, those that nobody knows about not counted as failed; None without requests."""
        return self.failed / self.intended if self.intended else None


class RunningTally:
    """Requests added up as they come, in any order: a tally that still grows."""

    __slots__ = ("causes", "failed", "intended", "latency")

    def __init__(self) -> None:
        self.intended = 0
        self.failed = 0
        self.causes: dict[str, int] = {}
        """Failed requests by outcome."""
        self.latency: dict[int, int] = {}
        """Of the requests answered ok, from the intended start."""

    def add(self, piece: Slice) -> None:
        self.intended += piece.count
        if piece.outcome == OK:
            histogram.add(self.latency, piece.latency)
        elif piece.count:
            self.failed += piece.count
            self.causes[piece.outcome] = self.causes.get(piece.outcome, 0) + piece.count

    def merge(self, other: RunningTally) -> None:
        self.intended += other.intended
        self.failed += other.failed
        histogram.add(self.latency, other.latency)
        histogram.add(self.causes, other.causes)

    def merge_failures(self, other: RunningTally) -> None:
        self.intended += other.failed
        self.failed += other.failed
        histogram.add(self.causes, other.causes)

    def take_off(self, other: RunningTally) -> None:
        """The inverse of :meth:`merge`."""
        self.intended -= other.intended
        self.failed -= other.failed
        histogram.subtract(self.latency, other.latency)
        histogram.subtract(self.causes, other.causes)

    def quantile_us(self, q: float) -> float | None:
        """Failed requests are slower than any answer."""
        return histogram.quantile_us(self.latency, q, self.failed)


class DenseTally(RunningTally):
    """The same with numpy, for whoever moves a window over a recording: it is ten times as fast."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        super().__init__()
        self._counts = np.zeros(HIGHEST_BUCKET + 1, dtype=np.int64)

    def add(self, piece: Slice) -> None:
        if piece.outcome == OK:
            self.intended += piece.count
            numbers = np.asarray(Packed.of(piece.latency).numbers)
            self._counts[numbers[::2]] += numbers[1::2].astype(np.int64)  # each index is there once
        else:
            super().add(piece)

    def merge(self, other: RunningTally) -> None:
        super().merge(other)
        self._counts += _counts_of(other)

    def take_off(self, other: RunningTally) -> None:
        super().take_off(other)
        self._counts -= _counts_of(other)

    def quantile_us(self, q: float) -> float | None:
        up_to = np.cumsum(self._counts)
        n = int(up_to[-1]) + self.failed
        if not n:
            return None
        index = int(np.searchsorted(up_to, histogram.rank(q, n)))
        return float(histogram.bucket_bounds_us(index)[1]) if index < len(up_to) else math.inf


def _counts_of(other: RunningTally) -> IntArray:
    assert isinstance(other, DenseTally), "those of one window are alike"
    return other._counts


def tally(slices: tuple[Slice, ...]) -> Tally:
    """Adds slices up."""
    good = [piece for piece in slices if piece.outcome == OK]
    causes: Counter[str] = Counter()
    for piece in slices:
        if piece.outcome not in (OK, CENSORED) and piece.count:
            causes[piece.outcome] += piece.count
    return Tally(
        intended=sum(piece.count for piece in slices),
        ok=sum(piece.count for piece in good),
        causes=dict(causes.most_common()),
        bytes=sum(piece.bytes for piece in slices),
        latency=histogram.merge(piece.latency for piece in good),
        waited=histogram.merge(piece.latency for piece in slices if piece.outcome == CENSORED),
    )


def merged(tallies: Collection[Tally]) -> Tally:
    """Tallies added up."""
    causes: Counter[str] = Counter()
    for each in tallies:
        causes.update(each.causes)
    return Tally(
        intended=sum(each.intended for each in tallies),
        ok=sum(each.ok for each in tallies),
        causes=dict(causes.most_common()),
        bytes=sum(each.bytes for each in tallies),
        latency=histogram.merge(each.latency for each in tallies),
        waited=histogram.merge(each.waited for each in tallies),
    )


def statuses(slices: Iterable[Slice]) -> dict[int, int]:
    """HTTP status → answers, most frequent first. Where redirects were followed it is that of the last answer; what had
    no answer, or none with a status, is left out, and so is every answer of a recording that did not keep them yet.
    """
    counts: Counter[int] = Counter()
    for piece in slices:
        if piece.status and piece.count:
            counts[piece.status] += piece.count
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
