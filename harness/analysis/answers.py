"""Answers by the second in which they came, from what the recording keeps by the second in which requests should have
begun.

A slice knows that second and the latencies, so an answer came at a start within the second + its latency. Starts that a
gate released are known to the instant; any other is taken as equally likely at every instant of its second, so that an
answer may be shared by two seconds. No answer comes before its request, and none is lost: the sums are those of the
slices.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import histogram
from harness.analysis.lazy import FloatArray, IntArray, np
from harness.analysis.once import once
from harness.recording import Recording
from harness.recording.slices import Packed
from harness.recording.values import OK

AT_ONCE = 10_000
"""Slices whose latencies are spread over the seconds at a time: those of an hour would take hundreds of megabytes."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers a second, ok and failed, both of the shape of ``t``; what was never answered is in neither."""

    t: IntArray
    """Beginning of each second, after the origin, without gaps, to the last answer."""
    ok: FloatArray
    failed: FloatArray


@once
def answers(recording: Recording) -> Answers:
    """Empty without any answer."""
    released = _released(recording)
    in_second: dict[tuple[str, int], int] = {}
    for piece in recording.slices:
        if (piece.node, piece.t) in released:
            in_second[piece.node, piece.t] = in_second.get((piece.node, piece.t), 0) + piece.count
    slices = [piece for piece in recording.slices if piece.latency]
    latencies = [Packed.of(piece.latency) for piece in slices]
    if not slices:
        return Answers(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
    highest = max(latency.numbers[-2] for latency in latencies)
    middles_s = np.array([sum(histogram.bucket_bounds_us(index)) / 2e6 for index in range(highest + 1)])
    start = min(piece.t for piece in slices)
    length = max(piece.t for piece in slices) - start + int(middles_s[-1]) + 4
    answered = np.zeros((2, length))
    """Failed, and ok."""
    for begin in range(0, len(slices), AT_ONCE):
        pieces, some = slices[begin : begin + AT_ONCE], latencies[begin : begin + AT_ONCE]
        lengths = [len(latency) for latency in some]
        indexes, counts = histogram.pairs(some).T
        keys = [(piece.node, piece.t) for piece in pieces]
        sent = [released.get(key, (0, 0.0)) for key in keys]
        shares = [min(1.0, n / in_second[key]) if n else 0.0 for key, (n, _) in zip(keys, sent, strict=True)]
        share = np.repeat(shares, lengths)
        after_s = np.repeat([piece.t - start for piece in pieces], lengths) + middles_s[indexes]
        well = np.repeat([piece.outcome == OK for piece in pieces], lengths).astype(np.int64)
        # Those that a gate released have an instant, the others all of a second.
        offset_s = np.repeat([offset_s for _, offset_s in sent], lengths)
        np.add.at(answered, (well, (after_s + offset_s).astype(np.int64)), counts * share)
        first = after_s.astype(np.int64)
        later = after_s - first
        np.add.at(answered, (well, first), counts * (1 - share) * (1 - later))
        np.add.at(answered, (well, first + 1), counts * (1 - share) * later)
    seen = np.flatnonzero(answered.sum(axis=0))
    failed, ok = answered[:, seen[0] : seen[-1] + 1]
    return Answers(start + np.arange(seen[0], seen[-1] + 1, dtype=np.int64), ok, failed)


def _released(recording: Recording) -> dict[tuple[str, int], tuple[int, float]]:
    """(node, second) → requests that gates released in it, and how far into it; of several gates, the last."""
    found: dict[tuple[str, int], tuple[int, float]] = {}
    for mark in recording.gates:
        second = int(mark.t // 1)
        before = found.get((mark.node, second), (0, 0.0))[0]
        found[mark.node, second] = (before + len(mark.sent_us), mark.t - second)
    return found
