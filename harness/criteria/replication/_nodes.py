"""The nodes of a replicated server as a probe has seen them: who is primary, who follows it, and how far behind.

Any probe will do whose readings have ``primary`` (1 or 0), and perhaps ``streaming``, ``lag_s``, ``lag_bytes``,
``timeline`` and ``answered_s``, how long after the beginning of the sample the answer came. Their source is the node:
a name, an address, or both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.recording import ProbeSample, Recording

PRIMARY, STREAMING, LAG_S, ANSWERED_S = "primary", "streaming", "lag_s", "answered_s"
REFUSED = "connection refused"
"""Begins the error of a node on which nothing listens: it is no primary either."""


@dataclass(frozen=True)
class NodeSample:
    """What was seen of a node between the instants ``from_s`` and ``to_s``."""

    from_s: float
    to_s: float
    values: Mapping[str, float]
    error: str | None

    @property
    def is_primary(self) -> bool | None:
        """None: nobody knows."""
        if self.error is not None:
            return False if self.error.startswith(REFUSED) else None
        return bool(self.values.get(PRIMARY))

    @property
    def is_joined(self) -> bool:
        """Whether it is the primary, or follows one."""
        return bool(self.values.get(PRIMARY) or self.values.get(STREAMING))


def nodes_of(recording: Recording) -> dict[str, list[NodeSample]]:
    """Node → its samples in their order. Nodes of which nothing was ever read are among them when another one of their
    probe is.
    """
    probes = {sample.probe for sample in recording.probes if PRIMARY in sample.values}
    found: dict[str, list[NodeSample]] = defaultdict(list)
    for sample in recording.probes:
        if sample.probe in probes and not sample.was_left_out:
            found[sample.source].append(_node_sample(sample))
    return {node: sorted(samples, key=lambda one: one.from_s) for node, samples in sorted(found.items())}


def primary_before(nodes: Mapping[str, list[NodeSample]], at_s: float) -> str | None:
    """Who was seen to be primary last before an instant."""
    seen = [(one.from_s, node) for node, samples in nodes.items() for one in samples if one.is_primary]
    return max((each for each in seen if each[0] <= at_s), default=(0.0, None))[1]


def silent_s(samples: Sequence[NodeSample], from_s: float, until_s: float) -> float:
    """The longest time between these instants in which there was no sample, with an answer or without."""
    begun_s = sorted({from_s, until_s, *(one.from_s for one in samples if from_s < one.from_s < until_s)})
    return max((later_s - earlier_s for earlier_s, later_s in pairwise(begun_s)), default=0.0)


def _node_sample(sample: ProbeSample) -> NodeSample:
    to_s = sample.t + sample.values.get(ANSWERED_S, 0.0)
    return NodeSample(sample.t, to_s, sample.values, sample.error)
