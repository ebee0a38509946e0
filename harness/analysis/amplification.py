"""Amplification: how many attempts the target had to bear for each request that users wanted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.analysis import histogram
from harness.recording import Recording


@dataclass(frozen=True)
class Amplification:
    """Of the requests that may be tried again, in a stretch of the run. Counts of all, so without an interval."""

    attempts: int
    """Sent in it …"""
    requests: int
    """… and intended in it, of the same names."""

    @property
    def ratio(self) -> float | None:
        """Attempts ÷ requests; 1: nothing was tried again. None without requests."""
        return self.attempts / self.requests if self.requests else None


def between(recording: Recording, start_s: float, end_s: float) -> Amplification | None:
    """None where no user tries again."""
    if not recording.attempts:
        return None
    sent = Counter[str]()
    for mark in recording.attempts:
        sent[mark.name] += sum(map(histogram.total, mark.attempts.values())) if start_s <= mark.t < end_s else 0
    wanted = sum(piece.count for piece in recording.slices if start_s <= piece.t < end_s and piece.name in sent)
    return Amplification(sum(sent.values()), wanted)


def by_phase(recording: Recording) -> dict[str, Amplification]:
    """Phase → its amplification; empty where no user tries again. Attempts belong to the phase in which they were
    sent: those of the spike's requests that came in the recovery are load of the recovery.
    """
    found = {phase.name: between(recording, phase.start_s, phase.end_s) for phase in recording.header.phases}
    return {name: each for name, each in found.items() if each is not None}
