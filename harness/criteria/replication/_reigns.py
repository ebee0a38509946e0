"""Two primaries at once: instants at which one node certainly was primary while another one was as well.

Evidence of a node is a sample of the probe in which it is primary, or a write that it has acknowledged; each lies
somewhere between two instants. Between two of them that are close together, with no sample between that says otherwise,
it was primary all the time: no failover goes there and back so fast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.criteria.replication._nodes import NodeSample
from harness.recording import WRITE, Recording

STEADY_S = 2.5
"""Samples of a second, one of which may be missing."""


@dataclass(frozen=True)
class Seen:
    """A node was primary at some instant in this time, or (``primary`` false) was not."""

    from_s: float
    to_s: float
    primary: bool = True
    wrote: bool = False
    """It has acknowledged a write."""


@dataclass(frozen=True)
class Overlap:
    """``other`` was primary at some instants between these two, while ``node`` was."""

    node: str
    other: str
    from_s: float
    to_s: float
    wrote: tuple[str, ...]
    """Which of the two acknowledged writes between the first and the last evidence of it, as far as writes say."""

    @property
    def length_s(self) -> float:
        """At least."""
        return max(0.0, self.to_s - self.from_s)


def evidence_of(recording: Recording, nodes: Mapping[str, list[NodeSample]]) -> tuple[dict[str, list[Seen]], int]:
    """Node → what was seen of it, in order; and how many acknowledged writes say which of the nodes took them."""
    found: dict[str, list[Seen]] = defaultdict(list)
    for node, samples in nodes.items():
        found[node] += [Seen(s.from_s, s.to_s, s.is_primary) for s in samples if s.is_primary is not None]
    named = {word: node for node in nodes for word in (node, *node.split())}  # by its name, or by its address
    writes = 0
    several = len({batch.node for batch in recording.operations}) > 1
    for batch in recording.operations:
        error_s = 2 * batch.clock_uncertainty_s if several else batch.clock_uncertainty_s
        for operation in batch.operations:
            if operation.kind == WRITE and operation.return_s is not None and operation.source in named:
                from_s, to_s = operation.invoke_s - error_s, operation.return_s + error_s
                found[named[operation.source]].append(Seen(from_s, to_s, wrote=True))
                writes += 1
    return {node: sorted(seen, key=lambda one: one.from_s) for node, seen in found.items()}, writes


def overlaps(evidence: Mapping[str, list[Seen]]) -> Iterator[Overlap]:
    """Every two nodes, each reign of one of them."""
    for node, seen in evidence.items():
        for from_s, to_s in _reigns(seen):
            for other, theirs in evidence.items():
                inside = [one for one in theirs if one.primary and from_s < one.from_s and one.to_s < to_s]
                if other != node and inside:
                    wrote = tuple(name for name in (node, other) if _wrote(evidence[name], inside[0], inside[-1]))
                    yield Overlap(node, other, inside[0].to_s, inside[-1].from_s, wrote)


def _wrote(seen: Sequence[Seen], first: Seen, last: Seen) -> bool:
    return any(one.wrote and one.to_s >= first.from_s and one.from_s <= last.to_s for one in seen)


def _reigns(seen: list[Seen]) -> Iterator[tuple[float, float]]:
    """From when to when it certainly was primary all the time."""
    reign: tuple[float, float] | None = None
    for one in seen:  # in order of from_s
        if reign is not None and (not one.primary or one.from_s - reign[1] > STEADY_S):
            yield reign
            reign = None
        if one.primary:
            reign = (one.to_s if reign is None else reign[0], one.from_s)
    if reign is not None:
        yield reign
