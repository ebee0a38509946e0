"""Back in rotation: how long one that a fault has struck gets no requests when the fault is over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.criteria.balancing._rotation import Struck, put_back
from harness.criteria.balancing._rotation_criterion import RotationCriterion
from harness.plugins import parameter
from harness.recording import Operation


@dataclass(frozen=True)
class BackInRotation(RotationCriterion):
    """From the end of a fault until who was struck answers again, and goes on to.

    Of a fault that was never undone there is no such time. One that did not answer while it was watched, or not in the
    end, took longer than that: never 0 and never a pass. One that went away again in between is in the interval up to
    the answer from which on it stayed, see :mod:`harness.criteria.balancing._rotation`.
    """

    title = "time until it is back in the rotation"
    done = "answered again"

    limit_s: float = parameter(15.0, "longest time in seconds until it answers again")

    def time_of(self, operations: Sequence[Operation], of: Struck, end_s: float) -> tuple[float, float] | None:
        if math.isinf(of.fault.undone_s) or of.fault.undone_s >= end_s:
            return None
        return put_back(operations, of, end_s)
