"""While something was disturbed: the stretches of the time axis from each injection of a fault to its undoing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fnmatch import fnmatchcase

from harness.recording import Recording
from harness.recording_marks import INJECTED, UNDONE


def stretches_of(recording: Recording, fault: str) -> Iterator[tuple[float, float]]:
    """While a planned fault of this name, where ``*`` stands for anything, was there: from each injection to the end of
    what was injected, or of the run.
    """
    begin_s: float | None = None
    for mark in sorted(recording.faults, key=lambda mark: mark.t):
        if not fnmatchcase(mark.fault, fault):
            continue
        if mark.event == INJECTED and begin_s is None:
            begin_s = mark.t
        elif mark.event == UNDONE and begin_s is not None:
            yield begin_s, mark.t
            begin_s = None
    if begin_s is not None:
        yield begin_s, recording.end.t if recording.end is not None else math.inf
