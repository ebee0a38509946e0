"""How sure the instants of single operations are: each is of the clock of the load process that made it."""

from __future__ import annotations

from collections.abc import Mapping

from harness.recording import Recording


def uncertainty_s(recording: Recording) -> dict[str, float]:
    """How well the clocks of load processes agree. By node: bound of the error of its instants, the largest that it has
    told.
    """
    found: dict[str, float] = {}
    for batch in recording.operations:
        found[batch.node] = max(batch.clock_uncertainty_s, found.get(batch.node, 0.0))
    return found


def apart_s(by_node: Mapping[str, float]) -> float:
    """How far apart instants of two nodes have to be for their order to be certain, whichever two; 0 with one."""
    return sum(sorted(by_node.values())[-2:]) if len(by_node) > 1 else 0.0
