"""The slowest requests of each phase that were traced, so that a report leads to what the target says of them."""

from __future__ import annotations

import heapq

from harness.recording import Recording
from harness.recording.marks import TraceMark

MOST = 3


def slowest(recording: Recording) -> dict[str, list[TraceMark]]:
    """Phase → its slowest traced requests, by intended start, the slowest first; phases without any are left out."""
    marks = [mark for mark in recording.marks if isinstance(mark, TraceMark)]
    of_phases = {
        phase.name: [mark for mark in marks if phase.start_s <= mark.t < phase.end_s]
        for phase in recording.header.phases
    }
    return {
        phase: heapq.nlargest(MOST, of_phase, key=lambda mark: mark.latency_us)
        for phase, of_phase in of_phases.items()
        if of_phase
    }
