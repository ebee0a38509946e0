"""What happened to the requests of one phase: slices merged, by intended start.

A request belongs to the phase in which it *should have begun*, whatever the time of its answer. Everything
that is not ``ok`` failed, also what was unfinished when the run ended and arrivals that found no free user.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from harness.analysis import histogram
from harness.recording import (
    INTERRUPTED,
    OK,
    SHED,
    SHED_WITHOUT_DELAY,
    UNFINISHED,
    UNSENT,
    UNSERVED,
    Phase,
    Recording,
    Slice,
    Sparse,
)

SHED_RATIO = "shed_ratio"
"""The criterion that judges what was shed; without it, shedding is failing."""


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
    service: Sparse
    """Service time of the same requests, from the actual send."""

    @property
    def failed(self) -> int:
        return self.intended - self.ok

    @property
    def error_ratio(self) -> float | None:
        """Failed ÷ intended; None without requests."""
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
        for cause, count in other.causes.items():
            self.causes[cause] = self.causes.get(cause, 0) + count


def slices_of(recording: Recording, phase: Phase, name: str = "") -> tuple[Slice, ...]:
    """Slices whose intended start lies in the phase; of one name, or of all when it is empty."""
    return tuple(
        piece
        for piece in recording.slices
        if phase.start_s <= piece.t < phase.end_s and (not name or piece.name == name)
    )


def only(recording: Recording, pattern: str) -> Recording:
    """The recording with the slices alone whose name matches; ``*`` stands for anything. Empty: with all of them."""
    if not pattern:
        return recording
    literal = pattern.replace("[", "[[]")
    return replace(recording, slices=tuple(piece for piece in recording.slices if fnmatchcase(piece.name, literal)))


def settled(recording: Recording) -> Recording:
    """The recording without what proves nothing about the target: iterations that sent no request, or were cut off on
    our side, and requests that had no answer, or no user yet, when the operator stopped the run early. In a run that
    came to its end the latter were waited for and count. Nor with what was shed, where a criterion of its own judges
    that.
    """
    ended = recording.end is not None and recording.end.completed
    nothing = {UNSENT, INTERRUPTED} if ended else {UNSENT, INTERRUPTED, UNFINISHED, UNSERVED}
    if any(spec.criterion == SHED_RATIO for spec in recording.header.criteria):
        nothing |= {SHED, SHED_WITHOUT_DELAY}
    return replace(recording, slices=tuple(piece for piece in recording.slices if piece.outcome not in nothing))


def tally(slices: tuple[Slice, ...]) -> Tally:
    """Adds slices up."""
    good = [piece for piece in slices if piece.outcome == OK]
    causes: Counter[str] = Counter()
    for piece in slices:
        if piece.outcome != OK and piece.count:
            causes[piece.outcome] += piece.count
    return Tally(
        intended=sum(piece.count for piece in slices),
        ok=sum(piece.count for piece in good),
        causes=dict(causes.most_common()),
        bytes=sum(piece.bytes for piece in slices),
        latency=histogram.merge(piece.latency for piece in good),
        service=histogram.merge(piece.latency if piece.service is None else piece.service for piece in good),
    )


def of_phase(recording: Recording, phase: Phase, name: str = "") -> Tally:
    """The requests of one phase."""
    return tally(slices_of(recording, phase, name))


def by_second(recording: Recording, phase: Phase, name: str = "") -> tuple[Tally, ...]:
    """One tally for each second of the phase, also for those without requests: the blocks of a block
    bootstrap.
    """
    grouped: dict[int, list[Slice]] = {t: [] for t in range(phase.start_s, phase.end_s)}
    for piece in slices_of(recording, phase, name):
        grouped[piece.t].append(piece)
    return tuple(tally(tuple(pieces)) for pieces in grouped.values())


def names(recording: Recording) -> tuple[str, ...]:
    """Request names in the recording, sorted."""
    return tuple(sorted({piece.name for piece in recording.slices}))
