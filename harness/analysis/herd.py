"""Whether the requests of a phase are a herd: released together, they share one queue and are one observation.

How long one takes depends on the others, so an interval for independent requests would be wrong. Their figure is a
census: exact for this herd, and no statement about the next one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.analysis import histogram
from harness.analysis.tallies import Tally
from harness.recording import Recording
from harness.recording.header import Phase

LEAST_SHARE = 0.5
"""Least share, of the judged and of the released requests, in a gate's second: with fewer the phase is about others."""


def is_herd(recording: Recording, phase: Phase) -> bool:
    """Whether at least half of the requests of the phase were intended in a second in which a gate released its users,
    and they are at least half as many as it released: what else comes in that second waits in the same queue.

    Of a recording that is filtered it is about the requests that were left.
    """
    released: dict[int, int] = {}
    for mark in recording.gates:
        if phase.start_s <= mark.t < phase.end_s:
            second = math.floor(mark.t)
            released[second] = released.get(second, 0) + len(mark.sent_us)
    if not sum(released.values()):
        return False
    judged = together = 0
    for piece in recording.slices:
        if phase.start_s <= piece.t < phase.end_s:
            judged += piece.count
            together += piece.count if piece.t in released else 0
    return together >= LEAST_SHARE * max(judged, sum(released.values()))


def error_ratio(seconds: Sequence[Tally]) -> tuple[float, float]:
    """Failed ÷ intended of a herd; from none to all of those that had no answer when the run was cut off."""
    intended = sum(second.intended for second in seconds)
    failed, unknown = (sum(second.failed for second in seconds), sum(second.unknown for second in seconds))
    return failed / intended, (failed + unknown) / intended


def latency_quantile_us(tally: Tally, q: float) -> tuple[float, float]:
    """The quantile in microseconds, failed requests counting as slower than any answer; those without an answer when
    the run was cut off were answered at that instant, or never.
    """
    answered = histogram.merge([tally.latency, tally.waited])
    low = histogram.quantile_us(answered, q, tally.failed)
    high = histogram.quantile_us(tally.latency, q, tally.failed + tally.unknown)
    return (0.0 if low is None else low), (math.inf if high is None else high)
