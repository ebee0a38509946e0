"""Out of rotation: how long requests still go to one that a fault has struck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.criteria._injections import injections
from harness.criteria._seen import Seen
from harness.criteria.balancing._rotation import Struck, taken_out
from harness.criteria.balancing._rotation_criterion import RotationCriterion
from harness.plugins import parameter
from harness.recording import Operation, Recording


@dataclass(frozen=True)
class OutOfRotation(RotationCriterion):
    """From a fault until no request goes to who was struck: none is in vain any more, and none answered by it.

    What it says of one who is struck, and of how many answers of others it takes to be sure, stands in
    :mod:`harness.criteria.balancing._rotation`. One to whom requests still went in the end is never a pass.
    """

    title = "time until it is out of the rotation"
    done = "got no request any more"

    limit_s: float = parameter(5.0, "longest time in seconds until no request goes to it")

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """For as long after each fault as is accepted, what fails is meant."""
        yield from (Seen(each.at_s, each.at_s + self.limit_s) for each in injections(recording, self.fault))

    def time_of(self, operations: Sequence[Operation], of: Struck, end_s: float) -> tuple[float, float] | None:  # noqa: ARG002
        return taken_out(operations, of)
