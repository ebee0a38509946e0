"""Sessions of a PostgreSQL server over a run, as the probe ``postgres`` saw them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from harness.recording import ProbeSample, Recording
from harness.recording.header import Phase

PROBE = "postgres"
IDLE_IN_TRANSACTION, OLDEST_IDLE_S = "idle_in_transaction", "oldest_idle_in_transaction_s"
NOT_SAMPLED = "PostgreSQL's sessions were not sampled"


@dataclass(frozen=True)
class Idling:
    """Transactions left open by sessions that do nothing, over a stretch of the run."""

    oldest_s: float
    """Largest age that a sample showed."""
    largest_gap_s: float
    """Longest stretch without a good sample: an age may have grown by as much unseen."""
    samples: int


def idling(recording: Recording, start_s: float, end_s: float) -> Idling | None:
    """The oldest of them between two instants; None without a sample."""
    seen = [sample for sample in _good(recording) if start_s <= sample.t < end_s]
    if not seen:
        return None
    instants = [start_s, *(sample.t for sample in seen), end_s]
    return Idling(
        oldest_s=max(sample.values[OLDEST_IDLE_S] for sample in seen),
        largest_gap_s=max(later - earlier for earlier, later in pairwise(instants)),
        samples=len(seen),
    )


def left_idle(recording: Recording, phase: Phase, fewest: int = 1) -> float | None:
    """Sessions idle in a transaction in every sample of the phase; None with fewer than ``fewest`` samples."""
    counts = [
        sample.values[IDLE_IN_TRANSACTION] for sample in _good(recording) if phase.start_s <= sample.t < phase.end_s
    ]
    return min(counts) if len(counts) >= max(1, fewest) else None


def _good(recording: Recording) -> list[ProbeSample]:
    good = [s for s in recording.probes if s.probe == PROBE and s.error is None and OLDEST_IDLE_S in s.values]
    return sorted(good, key=lambda sample: sample.t)
