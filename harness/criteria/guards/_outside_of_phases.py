"""How many of the requests failed that are in no phase, because users got ready with them or came to their end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis import phases, tallies
from harness.criteria._outcome import percent
from harness.recording import Slice
from harness.recording.values import OK


@dataclass(frozen=True)
class Failures:
    ratio: float
    """Failed ÷ intended; 0 without requests."""
    told: str
    """``150 of 200 requests WHEN failed``; empty without requests."""
    most: str
    """The name that failed most often, and what most of all failed with; empty where none failed."""

    def beyond(self, limit: float, remedy: str) -> str:
        """Why that is too many, and what to do."""
        return f"{self.told}, {self.most}; limit {percent(limit)}: {remedy}"


def failures(pieces: Sequence[Slice], when: str) -> Failures:
    pieces = [piece for piece in pieces if not phases.is_good_instant(piece)]
    tally = tallies.tally(tuple(pieces))
    if tally.error_ratio is None:
        return Failures(0.0, "", "")
    told = f"{tally.failed:,} of {tally.intended:,} requests {when} failed"
    if not tally.causes:
        return Failures(tally.error_ratio, told, "")
    failed = Counter[str]()
    for piece in pieces:
        failed[piece.name] += 0 if piece.outcome == OK else piece.count
    name, count = failed.most_common(1)[0]
    return Failures(tally.error_ratio, told, f"most of them {name} ({count:,}), with {next(iter(tally.causes))}")
