"""A service simulated request by request, twice with the same random numbers: as it was, and as it would have been.

:func:`simulate` gives each canary its arrival, its service time and its luck once. What the spike and the disturbances
did to it is the difference of the two runs, so when the service was back is *computed*, not assumed. Time is in
seconds after the origin, as in a recording; phases are baseline, spike and recovery.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.recording import End, Recording, Slice
from harness.recording.header import CriterionSpec, Header, Phase
from harness.recording.marks import HealthMark, NodeMark
from harness.recording.values import OK, UNFINISHED
from tests.recordings import CANARY, LOGIN, sliced

FloatArray = NDArray[np.float64]
NODE = "worker-1"
WARM_UP_S = 60
"""Simulated before the origin and not recorded, so that the queue is in its steady state."""
DRAIN_S = 10
"""Answers are waited for so long after the last phase."""
FAR_S = 1e6
"""Stands for ever."""
FAILED, TIMEOUT = "http 503", "timeout"
KINDS = [(NODE, name, outcome) for name in (CANARY, LOGIN) for outcome in (OK, FAILED, TIMEOUT, UNFINISHED)]


@dataclass(frozen=True)
class Service:
    """First come, first served, by so many servers."""

    mean_s: float = 0.02
    distribution: str = "lognormal"
    """Of the service time: ``lognormal``, ``exponential``, or ``bimodal``: one in ten takes ten times as long."""
    shape: float = 0.4
    """σ of the lognormal distribution."""
    servers: int = 0
    """0: as many as there are requests, so nobody queues."""
    correlation: float = 0.0
    """AR(1) coefficient, from second to second, of the logarithm of a factor of all service times."""
    deviation: float = 0.0
    """Standard deviation of that logarithm."""

    def times_s(self, random: np.random.Generator, n: int) -> FloatArray:
        """Independent service times with the mean, shape (n,)."""
        match self.distribution:
            case "lognormal":
                factor = np.exp(self.shape * random.standard_normal(n) - self.shape**2 / 2)
            case "exponential":
                factor = random.standard_exponential(n)
            case "bimodal":
                factor = np.where(random.random(n) < 0.1, 10.0, 1.0) / 1.9 * np.exp(0.1 * random.standard_normal(n))
            case other:
                raise ValueError(other)
        return np.asarray(self.mean_s * factor, dtype=np.float64)

    def factors(self, random: np.random.Generator, seconds: int) -> FloatArray:
        """The correlated factor of each second, with a mean of 1; shape (seconds,)."""
        state = random.standard_normal(seconds)
        for second in range(1, seconds):
            new = math.sqrt(1 - self.correlation**2) * state[second]
            state[second] = self.correlation * state[second - 1] + new
        return np.asarray(np.exp(self.deviation * state - self.deviation**2 / 2), dtype=np.float64)


@dataclass(frozen=True)
class Load:
    canary_per_s: float = 10.0
    poisson: bool = True
    """Random arrivals; otherwise evenly spaced."""
    baseline_s: int = 30
    spike_s: int = 1
    recovery_s: int = 60
    herd_users: int = 0
    """Requests at the first instant of the spike."""
    spike_per_s: float = 0.0
    """Further arrivals while the spike lasts: a step."""
    timeout_s: float = math.inf
    """After so long a client gives up; the service goes on with its request."""

    @property
    def spike_end_s(self) -> int:
        return self.baseline_s + self.spike_s

    @property
    def end_s(self) -> int:
        return self.spike_end_s + self.recovery_s

    def arrivals_s(self, random: np.random.Generator) -> FloatArray:
        """Of the canaries, ascending, from before the origin to the end."""
        length_s = WARM_UP_S + self.end_s
        if not self.poisson:
            even = np.arange(round(self.canary_per_s * length_s)) + random.random()
            return np.asarray(even / self.canary_per_s - WARM_UP_S, dtype=np.float64)
        return np.sort(random.uniform(-WARM_UP_S, self.end_s, random.poisson(self.canary_per_s * length_s)))

    def of_the_spike_s(self, random: np.random.Generator) -> FloatArray:
        step = random.uniform(self.baseline_s, self.spike_end_s, random.poisson(self.spike_per_s * self.spike_s))
        return np.sort(np.concatenate([np.full(self.herd_users, float(self.baseline_s)), step]))


@dataclass(frozen=True)
class Disturbance:
    """What is done to the service; instants in seconds after the origin, ``inf`` for ever."""

    frozen: Sequence[tuple[float, float]] = ()
    """Stretches in which nothing is served; work goes on afterwards where it stopped."""
    failing: Sequence[tuple[float, float, float]] = ()
    """Stretches in which a share of the requests is answered with an error at once."""
    fading: Sequence[tuple[float, float]] = ()
    """Polyline (instant, share of the requests that is answered so); before its first point none is."""
    slower: Sequence[tuple[float, float]] = ()
    """Polyline (instant, factor of the service times); before its first point the factor is 1."""

    def factor(self, t: FloatArray) -> FloatArray:
        if not self.slower:
            return np.ones_like(t)
        at, factor = zip(*self.slower, strict=True)
        return np.asarray(np.interp(t, at, factor, left=1.0), dtype=np.float64)

    def failure_ratio(self, t: FloatArray) -> FloatArray:
        ratio = np.zeros_like(t)
        for begin_s, end_s, share in self.failing:
            ratio[(t >= begin_s) & (t < end_s)] = share
        if self.fading:
            at, share_at = zip(*self.fading, strict=True)
            ratio = np.maximum(ratio, np.interp(t, at, share_at, left=0.0))
        return ratio


def every(period_s: float, lasting_s: float, from_s: float, until_s: float) -> tuple[tuple[float, float], ...]:
    """Stretches that come again."""
    return tuple((begin_s, begin_s + lasting_s) for begin_s in np.arange(from_s, until_s, period_s).tolist())


@dataclass(frozen=True, eq=False)
class Simulated:
    recording: Recording
    intended_s: FloatArray
    """Of the canaries that were recorded, ascending."""
    latency_s: FloatArray
    undisturbed_s: FloatArray
    """Latency of the same canaries, had there been neither spike nor disturbance."""
    failing: NDArray[np.bool_] = field(repr=False)
    """Canaries of which a share failed, whether it hit them or not."""
    load: Load = field(repr=False)

    def recovered_s(self, harmless_s: float = 0.1) -> float:
        """When it was really back, after the end of the spike: from the first canary on that, as all that follow, was
        no more than ``harmless_s`` slower for the spike and the disturbance, and could not fail for them. 0 where there
        was none before; infinite where the last one was not.
        """
        affected = self.failing | (self.latency_s > self.undisturbed_s + harmless_s)
        affected &= self.intended_s >= self.load.baseline_s
        if not affected.any():
            return 0.0
        first = int(np.flatnonzero(affected)[-1]) + 1
        if first == len(affected):
            return math.inf
        return max(0.0, float(self.intended_s[first]) - self.load.spike_end_s)


def simulate(
    seed: int,
    service: Service | None = None,
    load: Load | None = None,
    disturbance: Disturbance | None = None,
    criteria: Sequence[CriterionSpec] = (),
) -> Simulated:
    """A run, and what it would have been without its spike and disturbance."""
    service, load, disturbance = service or Service(), load or Load(), disturbance or Disturbance()
    arriving, serving, failing, spiking, drifting = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)
    )
    canary_s = load.arrivals_s(arriving)
    herd_s = load.of_the_spike_s(spiking)
    work_s = service.times_s(serving, len(canary_s))
    luck = failing.random(len(canary_s))
    factors = service.factors(drifting, WARM_UP_S + load.end_s + 1)

    undisturbed_s = done_s(canary_s, work_s * _of_second(factors, canary_s), service.servers) - canary_s
    at_s = np.concatenate([canary_s, herd_s])
    order = np.argsort(at_s, kind="stable")
    work_s = np.concatenate([work_s, service.times_s(spiking, len(herd_s))]) * _of_second(factors, at_s)
    luck = np.concatenate([luck, spiking.random(len(herd_s))])
    failed = luck < disturbance.failure_ratio(at_s)
    work_s = np.where(failed, 1e-3, work_s * disturbance.factor(at_s))
    # What fails is refused at once, and occupies no server.
    served = order[~failed[order]]
    latency_s = work_s.copy()
    latency_s[served] = done_s(at_s[served], work_s[served], service.servers, disturbance.frozen) - at_s[served]

    outcome = np.where(failed, 1, np.where(latency_s > load.timeout_s, 2, 0))
    latency_s = np.minimum(latency_s, load.timeout_s)
    outcome = np.where(at_s + latency_s > load.end_s + DRAIN_S, 3, outcome)
    name = np.r_[np.zeros(len(canary_s), dtype=np.int64), np.ones(len(herd_s), dtype=np.int64)]
    kept = at_s >= 0
    known_s = np.where(outcome == 3, np.nan, latency_s)
    lines = sliced(at_s[kept], (4 * name + outcome)[kept], known_s[kept], KINDS)
    canary = canary_s >= 0
    return Simulated(
        _recording(load, lines, int((outcome[kept] == 3).sum()), criteria),
        canary_s[canary],
        latency_s[: len(canary_s)][canary],
        np.minimum(undisturbed_s, load.timeout_s)[canary],
        (disturbance.failure_ratio(canary_s) > 0)[canary],
        load,
    )


def done_s(
    arrival_s: FloatArray, work_s: FloatArray, servers: int, frozen: Sequence[tuple[float, float]] = ()
) -> FloatArray:
    """When each of the requests, in the order of arrival, is done. A freeze stops the clock of the service."""
    knots = np.array([-FAR_S, *(min(t, FAR_S) for stretch in sorted(frozen) for t in stretch), FAR_S + 1])
    lengths = np.diff(knots)
    lengths[1::2] = 0
    working = np.concatenate([[-FAR_S], -FAR_S + np.cumsum(lengths)])
    arrived = np.interp(arrival_s, knots, working)
    if servers == 0:
        done = arrived + work_s
    elif servers == 1:
        # Lindley's recursion, solved: done = Σ work so far + the largest (arrival − Σ work before) so far.
        total = np.cumsum(work_s)
        done = total + np.maximum.accumulate(arrived - (total - work_s))
    else:
        free = [-math.inf] * servers
        ends: list[float] = []
        for at, work in zip(arrived.tolist(), work_s.tolist(), strict=True):
            ends.append((at if at > free[0] else free[0]) + work)
            heapq.heapreplace(free, ends[-1])
        done = np.array(ends, dtype=np.float64)
    return np.asarray(np.interp(done, working, knots), dtype=np.float64)


def _of_second(factors: FloatArray, t: FloatArray) -> FloatArray:
    return np.asarray(factors[np.floor(t).astype(np.int64) + WARM_UP_S], dtype=np.float64)


def _recording(load: Load, lines: Sequence[Slice], unfinished: int, criteria: Sequence[CriterionSpec]) -> Recording:
    header = Header(
        scenario="simulated",
        started_utc="2026-03-14T09:26:53Z",
        shape="herd",
        parameters={},
        phases=(
            Phase("baseline", 0, load.baseline_s),
            Phase("spike", load.baseline_s, load.spike_end_s),
            Phase("recovery", load.spike_end_s, load.end_s),
        ),
        level=((0, load.canary_per_s), (load.end_s, load.canary_per_s)),
        level_unit="starts/s",
        gates=(),
        criteria=tuple(criteria),
        target="http://127.0.0.1:8080",
        nodes=1,
        environment={},
    )
    marks = (
        HealthMark(-1, "before", "GET /readyz", True, ""),
        NodeMark(-3, NODE, "joined"),
        NodeMark(load.end_s + DRAIN_S, NODE, "finished"),
        HealthMark(load.end_s + DRAIN_S + 1, "after", "GET /readyz", True, ""),
    )
    requests = sum(line.count for line in lines) - unfinished
    return Recording(
        header, tuple(lines), (), marks, End(load.end_s + DRAIN_S, "completed", True, requests, unfinished)
    )
