"""What clients see of a breaker: answers that fail fast, counted by the second.

An answer failed fast when it carries the outcome BREAKER_OPEN, which a scenario gives to what has the signature of an
open breaker. In a recording without that outcome it is an HTTP error that came within max(5 ms, 0.2 × p5 of the
baseline): quicker than anybody could have asked the dependency, unless that is quick, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis import histogram, tallies
from harness.criteria.breaker import BREAKER_OPEN
from harness.criteria.breaker._state import Moment
from harness.recording import Recording, Slice
from harness.recording.values import OK, Sparse

RUN = 20
"""So many fast failures in a row of seconds are an open breaker, fewer are chance."""
MAJORITY = 0.5
"""A second is open when this share of its requests failed fast."""
FAST_US, FAST_SHARE = 5_000, 0.2


@dataclass(frozen=True)
class FastFailures:
    """Tells which answers failed fast."""

    signature: bool
    """By their outcome; otherwise by their speed."""
    below_us: float

    @classmethod
    def of(cls, recording: Recording, baseline: tallies.Tally) -> FastFailures:
        signature = any(piece.outcome == BREAKER_OPEN and piece.count for piece in recording.slices)
        return cls(signature, max(FAST_US, FAST_SHARE * (histogram.quantile_us(baseline.latency, 0.05) or 0.0)))

    def latencies_of(self, piece: Slice) -> Sparse:
        """Latency of the requests of a slice that failed fast. A refused connection is no answer."""
        if piece.outcome == BREAKER_OPEN:
            return piece.latency
        if self.signature or not piece.outcome.startswith("http "):
            return {}
        return {
            index: count
            for index, count in piece.latency.items()
            if histogram.bucket_bounds_us(index)[1] <= self.below_us
        }


@dataclass(frozen=True)
class Second:
    """The requests of one second, by intended start."""

    t: int
    requests: int
    ok: int
    unanswered: int
    """Of those that failed: time-outs, refused connections. Nobody knows whether the service has tried them."""
    fast: Sparse
    """Latency of those that failed fast."""

    @property
    def failed_fast(self) -> int:
        return histogram.total(self.fast)

    @property
    def failed_otherwise(self) -> int:
        """Not fast; those without an answer are among them."""
        return self.requests - self.ok - self.failed_fast

    @property
    def is_open(self) -> bool:
        return 0 < self.failed_fast >= MAJORITY * self.requests


def by_second(slices: Sequence[Slice], fast: FastFailures) -> tuple[Second, ...]:
    """All seconds that have requests, in order."""
    grouped: dict[int, list[Slice]] = {}
    for piece in slices:
        grouped.setdefault(piece.t, []).append(piece)
    return tuple(
        Second(
            t,
            requests=sum(piece.count for piece in pieces),
            ok=sum(piece.count for piece in pieces if piece.outcome == OK),
            unanswered=sum(piece.count for piece in pieces if not _is_answered(piece)),
            fast=histogram.merge(fast.latencies_of(piece) for piece in pieces),
        )
        for t, pieces in sorted(grouped.items())
        if any(piece.count for piece in pieces)
    )


def _is_answered(piece: Slice) -> bool:
    return piece.status > 0 or piece.outcome in (OK, BREAKER_OPEN) or piece.outcome.startswith("http ")


def find_open_runs(seconds: Sequence[Second]) -> list[tuple[int, int]]:
    """First and last second of each run of open seconds with at least RUN fast failures."""
    runs: list[tuple[int, int]] = []
    run: list[Second] = []
    for second in seconds:
        if second.is_open:
            run.append(second)
            continue
        runs += _long_enough(run)
        run = []
    return runs + _long_enough(run)


def _long_enough(run: Sequence[Second]) -> list[tuple[int, int]]:
    return [(run[0].t, run[-1].t)] if sum(second.failed_fast for second in run) >= RUN else []


def find_opening(seconds: Sequence[Second], injected_s: float, until_s: float) -> Moment:
    """Within a second of the beginning of the first run of fast failures. It may have been the second before it: that
    one is not open if the breaker opened in its later half."""
    begin = _first_open_s(seconds, injected_s, until_s)
    return (
        Moment(until_s, math.inf) if begin is None else Moment(max(injected_s, begin - 1), max(injected_s, begin + 1))
    )


def find_earlier_opening(seconds: Sequence[Second], injected_s: float, until_s: float) -> int | None:
    """Second in which that run began, where it is before the second of the injection: then it was no opening."""
    begin = _first_open_s(seconds, injected_s, until_s)
    return begin if begin is not None and begin < math.floor(injected_s) else None


def _first_open_s(seconds: Sequence[Second], injected_s: float, until_s: float) -> int | None:
    """First second of the first run of fast failures in the failure; it may have begun before."""
    return next((first for first, last in find_open_runs(seconds) if last + 1 > injected_s and first < until_s), None)


def find_closing(seconds: Sequence[Second], healed_s: float) -> Moment:
    """Between the last fast failure and the first second that has good answers and no fast failure any more."""
    after = [second for second in seconds if second.t + 1 > healed_s]
    last = max((second.t for second in after if second.fast), default=math.floor(healed_s))
    good = next((second.t for second in after if second.t > last and second.ok), None)
    return Moment(max(healed_s, last), math.inf if good is None else good + 1)


def slowest_failure_s(slices: Sequence[Slice], fast: FastFailures, from_s: float, until_s: float) -> float:
    """The longest latency of a request that failed and not fast: a breaker learns of a failure when it ends."""
    failed = [piece for piece in slices if piece.outcome != OK and from_s - 1 < piece.t <= until_s]
    slow = [index for piece in failed for index in piece.latency if index not in fast.latencies_of(piece)]
    return histogram.bucket_bounds_us(max(slow))[1] / 1e6 if slow else 0.0
