"""Good answers that may be none: what they are compared with, and a recording in which they have failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import Sparse

FEWEST_BEFORE = 60
"""Good answers of the baseline: fewer say little of how much the lengths vary by themselves."""
WITHOUT_BODY = (204, 304)
"""Statuses whose answers have none, however good they are (RFC 9110, 15.3.5 and 15.4.5)."""
DOUBTED = "not shown to be good"
"""The outcome that they have, where it is asked what they would change."""


@dataclass(frozen=True)
class Compared:
    """Of which requests, in what stretch, and with what the lengths are compared."""

    before: Phase | None
    since: Phase
    """What of it lies in ``before`` is not looked at."""
    ratio: float
    requests: str = ""
    """Only requests of this name, as criteria have it."""


def within(phase: Phase, pieces: Sequence[Slice], but: Phase | None = None) -> list[Slice]:
    start_s, end_s = phase.start_s, phase.end_s  # once: of a long recording there are hundreds of thousands
    inside = [piece for piece in pieces if start_s <= piece.t < end_s]
    return inside if but is None else [piece for piece in inside if not but.start_s <= piece.t < but.end_s]


def with_failures(recording: Recording, failed: Mapping[int, int]) -> Recording:
    """The recording as if so many good answers of some slices had failed: by their identity, as what has histograms has
    no hash.
    """
    parts = (part for piece in recording.slices for part in as_failed(piece, failed.get(id(piece), 0)))
    return replace(recording, slices=tuple(parts))


def as_failed(piece: Slice, short: int) -> Iterator[Slice]:
    """Good answers, and those that have failed. Nobody knows how long each of these took; an error page is quick."""
    if not short:
        yield piece
        return
    first = None if piece.starts is None else min(piece.starts, piece.count - short)
    others = None if piece.starts is None or first is None else piece.starts - first
    yield replace(piece, outcome=DOUBTED, count=short, bytes=0, latency={}, service=None, starts=others, sizes=None)
    if short < piece.count:
        service = None if piece.service is None else _without_quickest(piece.service, short)
        latency = _without_quickest(piece.latency, short)
        yield replace(piece, count=piece.count - short, latency=latency, service=service, starts=first, sizes=None)


def _without_quickest(histogram: Sparse, count: int) -> Sparse:
    left = {}
    for index in sorted(histogram):
        taken = min(count, histogram[index])
        count -= taken
        if histogram[index] > taken:
            left[index] = histogram[index] - taken
    return left
