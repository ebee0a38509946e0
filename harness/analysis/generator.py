"""Health of the load generator: could it measure at all?

A load process whose event loop is blocked, or whose core is full, delays the very requests that it times.
Each node samples itself about once a second (probe ``generator``): the largest delay of its event loop in
that second, and the share of one core that it used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.analysis.once import once
from harness.recording import ProbeSample, Recording

PROBE = "generator"
LOOP_LAG = "loop_lag_s"
CPU = "cpu_ratio"
USERS = "users"
"""Users that were there, where they set the pace."""
WINDOW = 3
"""Samples, hence about seconds, over which lag and CPU are averaged: one hiccup is no saturation."""
LARGEST_GAP_S = 3.5
"""Samples come every second; a longer silence is itself a sign of a generator that could not keep up."""


@dataclass(frozen=True)
class NodeHealth:
    """Worst three seconds of one node within a stretch of time; None where it has no such samples."""

    node: str
    loop_lag_s: float | None
    loop_lag_at_s: float | None
    cpu_ratio: float | None
    cpu_at_s: float | None
    samples: int
    longest_gap_s: float
    """Longest time without a sample, also at the two ends."""


@once
def load_nodes(recording: Recording) -> tuple[str, ...]:
    """Nodes that made load: those that joined, released a gate or started a request."""
    return tuple(
        sorted(
            {mark.node for mark in recording.node_events}
            | {mark.node for mark in recording.gates}
            | {piece.node for piece in recording.slices if piece.node}
            | set(recording.nodes)
        )
    )


def is_complete(recording: Recording) -> bool:
    """Whether the run came to its planned end; not when it was stopped or killed."""
    return recording.end is not None and recording.end.completed


def known_until_s(recording: Recording) -> float:
    """The instant up to which every load process has told what became of its requests: the end line, or, where the run
    was killed, the earliest of their last samples of themselves, each of which goes with a report.
    """
    last_s = last_trace_s(recording)
    if recording.end is not None:
        return last_s
    of_node: dict[str, float] = {}
    for sample in recording.probes:
        if sample.probe == PROBE:
            of_node[sample.source] = max(sample.t, of_node.get(sample.source, sample.t))
    return min([last_s, *of_node.values()])


def end_in_words(recording: Recording, when: str) -> str:
    """How a run ended that is not complete; ``when`` is said beside the instant."""
    if recording.end is None:
        return (
            f"the recording has no end: the run was killed about {max(0.0, last_trace_s(recording)):.0f} s in, {when}"
        )
    at = f"{recording.end.t:.0f} s in, {when}" if recording.end.t >= 0 else "before its first phase"
    return f"the run ended {at}: {recording.end.reason}"


def last_trace_s(recording: Recording) -> float:
    """The instant of the end line, or of the last thing recorded where there is none; −inf for nothing at
    all.
    """
    if recording.end is not None:
        return recording.end.t
    return max([-math.inf, *(piece.t + 1.0 for piece in recording.slices), *(sample.t for sample in recording.probes)])


def health(recording: Recording, start_s: float, end_s: float) -> tuple[NodeHealth, ...]:
    """One entry for each node that made load or sampled itself, sorted by name."""
    samples: dict[str, list[ProbeSample]] = {node: [] for node in load_nodes(recording)}
    for sample in sorted(recording.probes, key=lambda sample: sample.t):
        if sample.probe == PROBE and start_s <= sample.t < end_s:
            samples.setdefault(sample.source, []).append(sample)
    return tuple(_of_node(node, samples[node], start_s, end_s) for node in sorted(samples))


def _of_node(node: str, samples: Sequence[ProbeSample], start_s: float, end_s: float) -> NodeHealth:
    good = [sample for sample in samples if LOOP_LAG in sample.values and CPU in sample.values]
    times = [start_s, *(sample.t for sample in good), end_s]
    gap_s = max(later - earlier for earlier, later in pairwise(times))
    lag_s, lag_at_s = _worst(good, LOOP_LAG)
    cpu, cpu_at_s = _worst(good, CPU)
    return NodeHealth(node, lag_s, lag_at_s, cpu, cpu_at_s, len(good), gap_s)


def _worst(samples: Sequence[ProbeSample], key: str) -> tuple[float | None, float | None]:
    """Largest mean of ``WINDOW`` samples in a row (of all when there are fewer), and when it began."""
    if not samples:
        return None, None
    width = min(WINDOW, len(samples))
    means = [
        (sum(sample.values[key] for sample in samples[i : i + width]) / width, samples[i].t)
        for i in range(len(samples) - width + 1)
    ]
    return max(means)
