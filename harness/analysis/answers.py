"""Answers by the second in which they came, from what the recording keeps by the second in which requests should have
begun.

A slice knows that second and the latencies, so an answer came at a start within the second + its latency. Starts that a
gate released are known to the instant; any other is taken as equally likely at every instant of its second, so that an
answer may be shared by two seconds. No answer comes before its request, and none is lost: the sums are those of the
slices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.analysis import histogram
from harness.analysis.lazy import LazyModule
from harness.recording import OK, Recording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = LazyModule("numpy")

FloatArray: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers a second, ok and failed, both of the shape of ``t``; what was never answered is in neither."""

    t: NDArray[np.int64]
    """Beginning of each second, after the origin, without gaps, to the last answer."""
    ok: FloatArray
    failed: FloatArray


def answers(recording: Recording) -> Answers:
    """Empty without any answer."""
    released = _released(recording)
    in_second: dict[tuple[str, int], int] = {}
    for piece in recording.slices:
        in_second[piece.node, piece.t] = in_second.get((piece.node, piece.t), 0) + piece.count
    rows: list[tuple[float, float, float, bool]] = []
    """(earliest instant of the answer, for how long it may have come, how many, ok)"""
    for piece in recording.slices:
        key = (piece.node, piece.t)
        sent, offset_s = released.get(key, (0, 0.0))
        share = min(1.0, sent / in_second[key]) if sent else 0.0
        for index, count in piece.latency.items():
            after_s = piece.t + sum(histogram.bucket_bounds_us(index)) / 2e6
            if share:
                rows.append((after_s + offset_s, 0.0, count * share, piece.outcome == OK))
            if share < 1:
                rows.append((after_s, 1.0, count * (1 - share), piece.outcome == OK))
    if not rows:
        return Answers(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
    earliest_s, spread_s, counts = (np.array([row[column] for row in rows]) for column in range(3))
    well = np.array([row[3] for row in rows])
    first = np.floor(earliest_s).astype(np.int64)
    later = (earliest_s - first) * spread_s
    start = int(first.min())
    length = int((first + (later > 0)).max()) + 1 - start

    def by_second(chosen: NDArray[np.bool_]) -> FloatArray:
        seconds, weights = first[chosen] - start, counts[chosen]
        share = later[chosen]
        same = np.bincount(seconds, weights * (1 - share), length + 1)
        after = np.bincount(seconds + 1, weights * share, length + 1)
        return (same + after)[:length].astype(np.float64)

    return Answers(start + np.arange(length, dtype=np.int64), by_second(well), by_second(~well))


def _released(recording: Recording) -> dict[tuple[str, int], tuple[int, float]]:
    """(node, second) → requests that gates released in it, and how far into it; of several gates, the last."""
    found: dict[tuple[str, int], tuple[int, float]] = {}
    for mark in recording.gates:
        second = int(mark.t // 1)
        before = found.get((mark.node, second), (0, 0.0))[0]
        found[mark.node, second] = (before + len(mark.sent_us), mark.t - second)
    return found
