"""How well a herd was released: skew of the sends of one gate, over all nodes, and the share that was sent.

Skew is last − first of the instants at which the requests were really sent. Offsets of one node share its
clock, so clock error only matters between nodes: comparing an instant of node i with one of node j adds
uncertainty_i + uncertainty_j, and nothing within a node.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis import generator
from harness.analysis.lazy import np
from harness.recording import Recording
from harness.recording.header import PlannedGate
from harness.recording.marks import GateMark


@dataclass(frozen=True)
class Release:
    """One gate, over all nodes. Seconds after the planned instant; None where nothing was sent."""

    gate: PlannedGate
    planned: int
    sent: int
    nodes: int
    """Nodes that reported this gate."""
    first_s: float | None
    last_s: float | None
    skew_s: float | None
    """last − first, as measured."""
    skew_interval_s: tuple[float, float] | None
    """The same with the clocks' uncertainty taken off and added."""
    p5_to_p95_s: float | None
    """Between the 5 % and the 95 % quantile of the sends, clock uncertainty added when there are several
    nodes.
    """

    @property
    def delivered_ratio(self) -> float:
        """Sent ÷ planned; 0 when nothing was planned."""
        return self.sent / self.planned if self.planned else 0.0


def releases(recording: Recording) -> tuple[Release, ...]:
    """One release for each planned gate, also for a gate that no node reported, but for those that were still to come
    when the run was cut off.
    """
    found = (
        release(gate, [mark for mark in recording.gates if mark.gate == gate.gate and _same_time(mark, gate)])
        for gate in recording.header.gates
    )
    until_s = due_until_s(recording)
    return tuple(each for each in found if each.nodes or each.gate.t < until_s)


def due_until_s(recording: Recording) -> float:
    """Until when anything can be missing, in whole seconds; infinity where the run came to its end."""
    return math.inf if generator.is_complete(recording) else max(0.0, generator.known_until_s(recording)) // 1


def release(gate: PlannedGate, marks: Sequence[GateMark]) -> Release:
    """Puts the reports of all nodes about one gate together."""
    sending = [mark for mark in marks if mark.sent_us]
    planned = max(gate.users, sum(mark.planned for mark in marks))
    if not sending:
        return Release(gate, planned, 0, len(marks), None, None, None, None, None)
    offsets_s = np.concatenate([np.asarray(mark.sent_us, dtype=np.float64) for mark in sending]) / 1e6
    first_s, last_s = float(offsets_s.min()), float(offsets_s.max())
    spread_s = float(np.quantile(offsets_s, 0.95) - np.quantile(offsets_s, 0.05))
    interval_s = _interval(sending)
    uncertainty_s = interval_s[1] - (last_s - first_s)
    return Release(
        gate=gate,
        planned=planned,
        sent=len(offsets_s),
        nodes=len({mark.node for mark in marks}),
        first_s=first_s,
        last_s=last_s,
        skew_s=last_s - first_s,
        skew_interval_s=interval_s,
        p5_to_p95_s=spread_s + max(0.0, uncertainty_s),
    )


def _same_time(mark: GateMark, gate: PlannedGate) -> bool:
    """A gate may be armed again under the same name; its reports are told apart by the planned instant."""
    return abs(mark.t - gate.t) < 0.5


def _interval(marks: Sequence[GateMark]) -> tuple[float, float]:
    """Smallest and largest skew that the clocks' uncertainty allows, in seconds."""
    smallest = largest = 0.0
    for late in marks:
        for early in marks:
            difference_s = (max(late.sent_us) - min(early.sent_us)) / 1e6
            doubt_s = 0.0 if late.node == early.node else late.clock_uncertainty_s + early.clock_uncertainty_s
            smallest = max(smallest, difference_s - doubt_s)
            largest = max(largest, difference_s + doubt_s)
    return smallest, largest
